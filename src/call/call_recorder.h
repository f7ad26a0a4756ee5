#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "call/attempt_context.h"
#include "call/call_observation.h"
#include "call/method_plan.h"
#include "policy/time.h"
#include "userclient/call_options.h"
#include "userclient/call_report.h"
#include "userclient/rejection.h"

namespace userclient::internal {

/// Keeps the book of one call, and shows it to whoever observes. A call that succeeds at once, whose caller asked for no report
/// and that nobody observes, pays next to nothing for it.
class CallRecorder {
 public:
  CallRecorder(const MethodPlan& plan, const CallOptions& options, TimePoint start)
      : plan_(plan), options_(options), start_(start) {}

  /// The call begins. Before that nobody hears of it. `observation` may be null.
  void Begin(CallRole role, std::shared_ptr<CallObservation> observation);

  void NoteDeadline(TimePoint deadline) { budget_ = deadline - start_; }

  /// One attempt that begins now. What the observers want to send with it: valid until the next one begins.
  const Metadata& NoteAttemptStart(const ObservedAttempt& attempt);

  /// One attempt that has ended.
  void NoteAttempt(int number, const AttemptContext& context, const absl::Status& status, AttemptReason reason, Duration waited,
                   TimePoint began, TimePoint ended);

  bool wants_success() const { return options_.report != nullptr || observation_ != nullptr; }

  /// The end of the call: fills CallOptions::report, and gives back the status with the report inside if it is an error.
  absl::Status Finish(absl::Status status, CallEnd end, TimePoint now);

  /// The end of a call that shared the one of this report.
  absl::Status FinishShared(absl::Status status, CallReport shared, TimePoint shared_start, AnswerSource source, TimePoint now);

  /// The end of a call that was refused before its first attempt.
  absl::Status Reject(Rejection rejection, absl::Status status, TimePoint now, std::optional<Duration> retry_after = {});

 private:
  static constexpr size_t kMostAttempts = 100;

  absl::Status Deliver(absl::Status status, CallReport report);
  void CountFailure(const absl::Status& status);

  const MethodPlan& plan_;
  const CallOptions& options_;
  const TimePoint start_;
  std::shared_ptr<CallObservation> observation_;
  /// It is one that the application made.
  bool counted_ = false;
  std::optional<Rejection> rejection_;
  Duration budget_{};
  std::vector<AttemptReport> attempts_;
};

}  // namespace userclient::internal
