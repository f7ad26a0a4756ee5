#include "call/call_observation.h"

#include <algorithm>

#include "call/attempt_rules.h"
#include "call/callback_thread.h"
#include "call/request_metadata.h"
#include "telemetry/trace_context.h"

namespace userclient::internal {

CallObservation::CallObservation(const MethodPlan& plan, const CallOptions& options, CallRole role) noexcept
    : observers_(plan.observers),
      call_{.client = observers_->client,
            .method = plan.name,
            .compartment = plan.compartment->name(),
            .flight = role == CallRole::kFlight},
      start_(Now()) {
  const CallbackScope scope;
  for (const auto& observer : observers_->observers) states_.push_back(observer->OnCallStart(call_, options));
}

const Metadata& CallObservation::AttemptStarts(const ObservedAttempt& attempt) noexcept {
  open_.push_back({.attempt = attempt, .began = Now()});
  metadata_.clear();
  const CallbackScope scope;
  for (size_t i = 0; i < states_.size(); ++i) {
    const size_t before = metadata_.size();
    observers_->observers[i]->OnAttemptStart(call_, attempt, states_[i].get(), metadata_);
    KeepLaterTrace(before, metadata_);
  }
  std::erase_if(metadata_, [](const auto& pair) { return !CanBeSent(pair.first, pair.second); });
  return metadata_;
}

void CallObservation::AttemptEnded(int number, const AttemptReport& report) noexcept {
  const auto ended = std::find_if(open_.begin(), open_.end(), [&](const Open& open) { return open.attempt.number == number; });
  if (ended == open_.end()) return;
  const ObservedAttempt attempt = ended->attempt;
  open_.erase(ended);
  TellAttemptEnd(attempt, report);
}

void CallObservation::TellAttemptEnd(const ObservedAttempt& attempt, const AttemptReport& report) {
  const CallbackScope scope;
  for (size_t i = 0; i < states_.size(); ++i) {
    observers_->observers[i]->OnAttemptEnd(call_, attempt, report, states_[i].get());
  }
}

void CallObservation::Ended(const CallReport& report, const absl::Status& status) noexcept {
  const TimePoint now = Now();
  for (const Open& open : open_) {
    TellAttemptEnd(open.attempt, {.reason = open.attempt.reason,
                                  .waited = open.attempt.waited,
                                  .started = open.began - start_,
                                  .duration = now - open.began,
                                  .status = absl::CancelledError("given up: the call had ended")});
  }
  open_.clear();
  if (held_) {
    end_.emplace(report, status);
  } else {
    TellEnd(report, status);
  }
}

void CallObservation::NoteSource(AnswerSource source, Duration age) {
  if (!end_) return;
  end_->first.source = source;
  end_->first.age = age;
}

void CallObservation::LetGoEnd() noexcept {
  if (!end_) return;
  const auto end = *std::exchange(end_, std::nullopt);
  TellEnd(end.first, end.second);
}

void CallObservation::TellEnd(const CallReport& report, const absl::Status& status) {
  const CallbackScope scope;
  for (size_t i = 0; i < states_.size(); ++i) {
    observers_->observers[i]->OnCallEnd(call_, report, status, states_[i].get());
  }
}

}  // namespace userclient::internal
