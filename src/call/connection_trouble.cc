#include "call/connection_trouble.h"

#include <system_error>
#include <thread>

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

absl::Status ConnectionTrouble::Explain(const absl::Status& status, TimePoint now) {
  absl::MutexLock lock(&mutex_);
  const bool fresh = looked_at_ != TimePoint{} && now - looked_at_ < kLookEvery;
  if (!fresh && !looking_) {
    looking_ = true;
    try {
      std::thread([self = shared_from_this()] { self->Look(); }).detach();
    } catch (const std::system_error&) {
      // No thread is to be had; the next call tries again.
      looking_ = false;
    }
  }
  const bool known = !reason_.empty() && now - looked_at_ < kReasonHolds;
  return known ? WithReason(status, reason_) : status;
}

void ConnectionTrouble::Look() {
  const absl::StatusOr<Diagnosis> diagnosis = DiagnoseConnection(target_, credentials_, kLongestLook);
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
