#pragma once

#include <google/protobuf/message_lite.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "call/answer_plan.h"
#include "call/call_observation.h"
#include "userclient/call_options.h"
#include "userclient/call_report.h"
#include "userclient/fallback.h"

namespace userclient::internal {

/// What stands in for the answer of one call when the service cannot give one: first the kept answer to the same request, then
/// the call's fallback, else the method's.
class StandIn {
 public:
  /// `answers` may be null. `key` is needed only where answers are kept. `fallback`, the call's own, and `report`, which may be
  /// null, must live until the call has ended. The end of the call is held back from `observation`, which may be null, until it
  /// is known what its caller gets.
  StandIn(const AnswerPlan* answers, const Fallback& fallback, std::string key, CallReport* report,
          std::shared_ptr<CallObservation> observation)
      : answers_(answers), fallback_(fallback), key_(std::move(key)), report_(report), observation_(std::move(observation)) {
    if (observation_ != nullptr) observation_->HoldEnd();
  }

  const std::string& key() const { return key_; }

  /// The service has answered.
  void Keep(const google::protobuf::MessageLite& answer) const;

  /// The call has ended, and its observers may hear of it.
  void End() const {
    if (observation_ != nullptr) observation_->LetGoEnd();
  }

  /// The call has failed. True: `answer` is what its caller gets instead, and the report says where it is from.
  bool Answer(const absl::Status& failure, google::protobuf::MessageLite& answer) const;

 private:
  bool AnswerFromCache(google::protobuf::MessageLite& answer) const;
  bool AnswerFromFallback(const absl::Status& failure, google::protobuf::MessageLite& answer) const;
  void NoteSource(AnswerSource source, Duration age) const;

  const AnswerPlan* answers_;
  const Fallback& fallback_;
  const std::string key_;
  CallReport* const report_;
  const std::shared_ptr<CallObservation> observation_;
};

/// Whether a fallback may be of use to a method that answers with the type of `answer`. *Errors:* INVALID_ARGUMENT.
absl::Status CheckFallback(const Fallback& fallback, const google::protobuf::MessageLite& answer);

}  // namespace userclient::internal
