#pragma once

#include "absl/status/status.h"
#include "call/attempt_context.h"
#include "call/method_plan.h"
#include "policy/time.h"
#include "userclient/call_options.h"
#include "userclient/call_report.h"
#include "userclient/rejection.h"

namespace userclient::internal {

/// Keeps the book of one call. A call that succeeds at once and whose caller asked for no report pays nothing for it.
class CallRecorder {
 public:
  CallRecorder(const MethodPlan& plan, const CallOptions& options, TimePoint start)
      : plan_(plan), options_(options), start_(start) {}

  void NoteDeadline(TimePoint deadline) { budget_ = deadline - start_; }

  /// One attempt that has ended.
  void NoteAttempt(const AttemptContext& context, const absl::Status& status, AttemptReason reason, Duration waited,
                   TimePoint began, TimePoint ended);

  bool wants_success() const { return options_.report != nullptr; }

  /// The end of the call: fills CallOptions::report, and gives back the status with the report inside if it is an error.
  absl::Status Finish(absl::Status status, CallEnd end, TimePoint now);

  /// The end of a call that shared the one of this report.
  absl::Status FinishShared(absl::Status status, CallReport shared, TimePoint shared_start, AnswerSource source, TimePoint now);

  /// The end of a call that was refused before its first attempt.
  absl::Status Reject(Rejection rejection, absl::Status status, TimePoint now, std::optional<Duration> retry_after = {});

 private:
  static constexpr size_t kMostAttempts = 100;

  absl::Status Deliver(absl::Status status, CallReport report);

  const MethodPlan& plan_;
  const CallOptions& options_;
  const TimePoint start_;
  Duration budget_{};
  std::vector<AttemptReport> attempts_;
};

}  // namespace userclient::internal
