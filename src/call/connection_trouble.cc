#include "call/connection_trouble.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "call/attempt_rules.h"
#include "userclient/diagnose.h"

namespace userclient::internal {
namespace {

constexpr Duration kLongestLook = std::chrono::seconds(5);
/// For callers that come seldom; what was found in a trouble long before this one would mislead.
constexpr Duration kReasonHolds = std::chrono::minutes(1);

absl::Status WithReason(const absl::Status& status, const std::string& reason) {
  absl::Status longer(status.code(), absl::StrCat(std::string(status.message()), "; ", reason));
  status.ForEachPayload([&](auto url, const absl::Cord& payload) { longer.SetPayload(url, payload); });
  return longer;
}

}  // namespace

void ConnectionTrouble::LookUpWith(std::function<void()> look_up) {
  absl::MutexLock lock(&look_up_mutex_);
  look_up_ = std::move(look_up);
}

void ConnectionTrouble::NoteSilence() {
  absl::MutexLock lock(&look_up_mutex_);
  if (look_up_) look_up_();
}

absl::Status ConnectionTrouble::Explain(const absl::Status& status, TimePoint now) {
  absl::MutexLock lock(&mutex_);
  const bool fresh = looked_at_ != TimePoint{} && now - looked_at_ < kLookEvery;
  if (!fresh && !looking_) {
    looking_ = true;
    try {
      // The one before has nothing more to do.
      if (thread_.joinable()) thread_.join();
      thread_ = std::thread([this] { Look(); });
    } catch (const std::system_error&) {
      // No thread is to be had; the next call tries again.
      looking_ = false;
    }
  }
  const bool known = !reason_.empty() && now - looked_at_ < kReasonHolds;
  return known ? WithReason(status, reason_) : status;
}

ConnectionTrouble::~ConnectionTrouble() {
  stop_.request_stop();
  std::thread last;
  {
    absl::MutexLock lock(&mutex_);
    last = std::move(thread_);
  }
  if (last.joinable()) last.join();
}

void ConnectionTrouble::Look() {
  const absl::StatusOr<Diagnosis> diagnosis = DiagnoseConnection(target_, credentials_, kLongestLook, stop_.get_token());
  std::string reason;
  if (diagnosis.ok() && diagnosis->trouble != ConnectTrouble::kNone) {
    reason = absl::StrCat(diagnosis->problem, diagnosis->advice.empty() ? "" : ": ", diagnosis->advice);
  }
  absl::MutexLock lock(&mutex_);
  reason_ = std::move(reason);
  looked_at_ = Now();
  looking_ = false;
}

}  // namespace userclient::internal
