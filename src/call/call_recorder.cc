#include "call/call_recorder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "call/status_payloads.h"

namespace userclient::internal {

void CallRecorder::Begin(CallRole role, std::shared_ptr<CallObservation> observation) {
  counted_ = role == CallRole::kCall;
  if (counted_) plan_.compartment->traffic().CountCall();
  observation_ = std::move(observation);
}

const Metadata& CallRecorder::NoteAttemptStart(const ObservedAttempt& attempt) {
  plan_.compartment->traffic().CountAttempt(attempt.reason);
  static const auto* const none = new Metadata;
  return observation_ == nullptr ? *none : observation_->AttemptStarts(attempt);
}

void CallRecorder::NoteAttempt(int number, const AttemptContext& context, const absl::Status& status, AttemptReason reason,
                               Duration waited, TimePoint began, TimePoint ended) {
  // A stream may be resumed for years. How it began, and what happened last, is what somebody will ask for.
  if (attempts_.size() >= kMostAttempts) attempts_.erase(attempts_.begin() + 1);
  attempts_.push_back({.reason = reason,
                       .peer = context.peer(),
                       .waited = waited,
                       .started = began - start_,
                       .duration = ended - began,
                       .status = status});
  if (observation_ != nullptr) observation_->AttemptEnded(number, attempts_.back());
}

absl::Status CallRecorder::Finish(absl::Status status, CallEnd end, TimePoint now) {
  CountFailure(status);
  if (status.ok() && !wants_success()) return status;
  if (plan_.trouble != nullptr && !attempts_.empty() && attempts_.back().peer.empty()) {
    const absl::Status& last = attempts_.back().status;
    if (absl::IsUnavailable(last) || absl::IsDeadlineExceeded(last)) plan_.trouble->NoteSilence();
    if (absl::IsUnavailable(last) && absl::IsUnavailable(status)) status = plan_.trouble->Explain(status, now);
  }
  std::stable_sort(attempts_.begin(), attempts_.end(),
                   [](const AttemptReport& a, const AttemptReport& b) { return a.started < b.started; });
  const absl::StatusCode code = status.code();
  return Deliver(std::move(status), {.method = plan_.name,
                                     .compartment = plan_.compartment->name(),
                                     .budget = budget_,
                                     .duration = now - start_,
                                     .attempts = std::move(attempts_),
                                     .end = end,
                                     .code = code,
                                     .rejection = rejection_});
}

absl::Status CallRecorder::FinishShared(absl::Status status, CallReport shared, TimePoint shared_start, AnswerSource source,
                                        TimePoint now) {
  CountFailure(status);
  if (counted_ && shared.rejection) plan_.compartment->traffic().CountRejectedCall();
  if (status.ok() && !wants_success()) return status;
  shared.budget = budget_;
  shared.duration = now - start_;
  shared.source = source;
  for (AttemptReport& attempt : shared.attempts) attempt.started -= start_ - shared_start;
  return Deliver(std::move(status), std::move(shared));
}

void CallRecorder::CountFailure(const absl::Status& status) {
  if (counted_ && !status.ok()) plan_.compartment->traffic().CountFailedCall();
}

absl::Status CallRecorder::Deliver(absl::Status status, CallReport report) {
  if (!status.ok()) AttachReport(report, status);
  if (observation_ != nullptr) observation_->Ended(report, status);
  if (options_.report != nullptr) *options_.report = std::move(report);
  return status;
}

absl::Status CallRecorder::Reject(Rejection rejection, absl::Status status, TimePoint now, std::optional<Duration> retry_after) {
  AttachRejection(rejection, retry_after, status);
  rejection_ = rejection;
  if (counted_) plan_.compartment->traffic().CountRejectedCall();
  return Finish(std::move(status), CallEnd::kRejected, now);
}

}  // namespace userclient::internal
