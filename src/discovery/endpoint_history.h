#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "discovery/dns_lookup.h"
#include "userclient/endpoints.h"

namespace userclient::internal {

/// What a lookup says about the endpoints.
enum class EndpointNews {
  /// Nothing new.
  kNone,
  /// Here they are for the first time.
  kFirst,
  /// The set is another one.
  kChanged,
  /// The first answer, or the last change, has been seen a second time. Whoever acted on it may have got an older answer, from
  /// another cache on the way; now is the time to act once more.
  kConfirmed,
  /// The lookup failed. The endpoints stay what they were.
  kFailed,
};

/// Makes endpoints out of answers, and says when to ask next. A state machine: it neither asks nor waits. *Not thread-safe.*
///
/// An answer without any address never empties the set, and a family that could not be asked keeps the addresses it had: what is
/// wrong is the name service then, not the servers.
class EndpointHistory {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::nanoseconds;

  static constexpr Duration kFirstBackoff = std::chrono::seconds(1);
  static constexpr Duration kLongestBackoff = std::chrono::seconds(30);

  struct Step {
    EndpointNews news = EndpointNews::kNone;
    /// When to look next.
    TimePoint next{};
  };

  /// Looks every `interval`, give or take a fifth; after failures from 1 s (or the interval, if that is less) on, twice as long
  /// each time, up to 30 s (or the interval, if that is more).
  explicit EndpointHistory(Duration interval) : interval_(interval) {}

  /// Notes an answer to a lookup between `started` and `ended`. `random` is uniform in [0, 1).
  Step Note(const DnsAnswer& answer, TimePoint started, TimePoint ended, double random);

  /// Empty before the first answer.
  const Endpoints& endpoints() const { return endpoints_; }
  /// The end of the last lookup that succeeded.
  std::optional<TimePoint> last_success() const { return last_success_; }
  /// Why the last lookup failed; OK if it did not.
  const absl::Status& failure() const { return failure_; }
  int64_t lookups() const { return lookups_; }
  int64_t changes() const { return changes_; }

 private:
  EndpointNews Update(Endpoints found);

  const Duration interval_;
  Endpoints endpoints_;
  std::optional<TimePoint> last_success_;
  absl::Status failure_;
  bool unconfirmed_ = false;
  int failures_in_a_row_ = 0;
  int64_t lookups_ = 0;
  int64_t changes_ = 0;
};

}  // namespace userclient::internal
