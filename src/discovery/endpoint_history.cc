#include "discovery/endpoint_history.h"

#include <algorithm>
#include <utility>

namespace userclient::internal {
namespace {

using Duration = EndpointHistory::Duration;

Duration Jittered(Duration duration, double random) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::nano>(duration) * (0.8 + 0.4 * random));
}

Duration Backoff(Duration interval, int failures_in_a_row) {
  const Duration longest = std::max(EndpointHistory::kLongestBackoff, interval);
  Duration backoff = std::min(EndpointHistory::kFirstBackoff, interval);
  for (int i = 1; i < failures_in_a_row && backoff < longest; ++i) backoff *= 2;
  return std::min(backoff, longest);
}

std::vector<std::string> Merged(const FamilyAnswer& answer, const std::vector<std::string>& before) {
  return answer.finding == FamilyAnswer::Finding::kFailed ? before : answer.addresses;
}

}  // namespace

EndpointHistory::Step EndpointHistory::Note(const DnsAnswer& answer, TimePoint started, TimePoint ended, double random) {
  ++lookups_;
  failure_ = answer.status();
  if (!failure_.ok()) {
    ++failures_in_a_row_;
    return {.news = EndpointNews::kFailed, .next = ended + Jittered(Backoff(interval_, failures_in_a_row_), random)};
  }
  failures_in_a_row_ = 0;
  const EndpointNews news = Update({.ipv4 = Merged(answer.ipv4, endpoints_.ipv4), .ipv6 = Merged(answer.ipv6, endpoints_.ipv6)});
  last_success_ = ended;
  return {.news = news, .next = std::max(ended, started + Jittered(interval_, random))};
}

EndpointNews EndpointHistory::Update(Endpoints found) {
  if (!last_success_) {
    endpoints_ = std::move(found);
    unconfirmed_ = true;
    return EndpointNews::kFirst;
  }
  if (found != endpoints_) {
    endpoints_ = std::move(found);
    unconfirmed_ = true;
    ++changes_;
    return EndpointNews::kChanged;
  }
  return std::exchange(unconfirmed_, false) ? EndpointNews::kConfirmed : EndpointNews::kNone;
}

}  // namespace userclient::internal
