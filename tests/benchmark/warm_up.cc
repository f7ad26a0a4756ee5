#include "tests/benchmark/warm_up.h"

#include <algorithm>
#include <chrono>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tests/benchmark/server_control.h"

namespace userclient::benchmark {
namespace {

constexpr int kInFlight = 32;
constexpr int kFewCalls = 320;

}  // namespace

absl::Status WarmUp(Subject& subject, const std::string& target, int connections) {
  if (connections == 0) return subject.Call(kFewCalls, kInFlight);

  ServerControl control(target);
  const absl::StatusOr<int64_t> before = control.Connections();
  if (!before.ok()) return before.status();
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (true) {
    // Enough for all of them to get their share.
    if (absl::Status called = subject.Call(std::max(kFewCalls, 2 * connections), kInFlight); !called.ok()) return called;
    const absl::StatusOr<int64_t> now = control.Connections();
    if (!now.ok()) return now.status();
    if (*now - *before >= connections) return absl::OkStatus();
    if (std::chrono::steady_clock::now() > end) {
      return absl::DeadlineExceededError(absl::StrCat("only ", *now - *before, " of ", connections, " connections were used"));
    }
  }
}

}  // namespace userclient::benchmark
