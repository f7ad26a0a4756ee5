#include "tests/sick/load.h"

#include <algorithm>
#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace userclient::testing {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr int kUsers = 10'000;

/// A call under way, with the report that the client writes when it ends.
struct Call {
  steady_clock::time_point began;
  CallReport report{};
  PendingCall<user::v1::GetUserResponse> pending{nullptr};
};

user::v1::GetUserRequest AskForUser(int number) {
  user::v1::GetUserRequest request;
  request.set_user_id(absl::StrCat("u-", number % kUsers + 1));
  return request;
}

bool WasRetried(const CallOutcome& call) { return call.attempts > 1; }

bool WasSlow(const CallOutcome& call, nanoseconds limit) { return call.code == absl::StatusCode::kOk && call.took > limit; }

void StartCalls(const UserClient& client, const LoadPlan& plan, steady_clock::time_point start, std::deque<Call>& calls) {
  const nanoseconds pause = std::chrono::nanoseconds(std::chrono::seconds(1)) / plan.calls_per_second;
  for (int i = 0; i * pause < plan.lasting; ++i) {
    std::this_thread::sleep_until(start + i * pause);
    Call& call = calls.emplace_back(Call{.began = steady_clock::now()});
    call.pending = client.GetUserAsync(AskForUser(i), {.report = &call.report});
  }
}

}  // namespace

Outcomes RunLoad(const UserClient& client, const LoadPlan& plan) {
  // Never moves its elements: the client writes to them.
  std::deque<Call> calls;
  const steady_clock::time_point start = steady_clock::now();
  steady_clock::time_point event = start;
  {
    const std::jthread caller([&] { StartCalls(client, plan, start, calls); });
    std::this_thread::sleep_until(start + plan.event_at);
    event = steady_clock::now();
    plan.event();
  }
  std::vector<CallOutcome> outcomes;
  for (Call& call : calls) {
    const absl::StatusCode code = std::move(call.pending).Get().status().code();
    outcomes.push_back({.began = call.began - event,
                        .took = call.report.duration,
                        .code = code,
                        .attempts = static_cast<int>(call.report.attempts.size())});
  }
  return Outcomes(std::move(outcomes));
}

Outcomes Outcomes::Between(nanoseconds from, nanoseconds to) const {
  std::vector<CallOutcome> calls;
  for (const CallOutcome& call : calls_) {
    if (from <= call.began && call.began < to) calls.push_back(call);
  }
  return Outcomes(std::move(calls));
}

template <typename Trouble>
int Outcomes::SecondsWithout(Trouble trouble) const {
  std::map<std::chrono::seconds, bool> seconds;
  for (const CallOutcome& call : calls_) seconds[std::chrono::floor<std::chrono::seconds>(call.began)] |= trouble(call);
  return static_cast<int>(std::count_if(seconds.begin(), seconds.end(), [](const auto& second) { return !second.second; }));
}

int Outcomes::SecondsWithoutRetries() const { return SecondsWithout(WasRetried); }

int Outcomes::SecondsWithoutSlow(nanoseconds limit) const {
  return SecondsWithout([limit](const CallOutcome& call) { return WasSlow(call, limit); });
}

int Outcomes::Failed() const {
  return static_cast<int>(
      std::count_if(calls_.begin(), calls_.end(), [](const CallOutcome& call) { return call.code != absl::StatusCode::kOk; }));
}

int Outcomes::Retried() const { return static_cast<int>(std::count_if(calls_.begin(), calls_.end(), WasRetried)); }

int Outcomes::Slow(nanoseconds limit) const {
  return static_cast<int>(
      std::count_if(calls_.begin(), calls_.end(), [limit](const CallOutcome& call) { return WasSlow(call, limit); }));
}

nanoseconds Outcomes::Percentile(double share) const {
  std::vector<nanoseconds> times;
  for (const CallOutcome& call : calls_) times.push_back(call.took);
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(times.size() - 1));
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

double Outcomes::AttemptsPerCall() const {
  double attempts = 0;
  for (const CallOutcome& call : calls_) attempts += call.attempts;
  return attempts / static_cast<double>(calls_.size());
}

nanoseconds Outcomes::LastTrouble(nanoseconds limit) const {
  nanoseconds last{};
  for (const CallOutcome& call : calls_) {
    if (call.code != absl::StatusCode::kOk || call.took > limit) last = std::max(last, call.began);
  }
  return last;
}

}  // namespace userclient::testing
