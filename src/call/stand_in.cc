#include "call/stand_in.h"

#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "call/attempt_rules.h"

namespace userclient::internal {
namespace {

using google::protobuf::MessageLite;

bool OfOneType(const MessageLite& a, const MessageLite& b) { return typeid(a) == typeid(b); }

/// The service is down, or was not asked. What it says while it works is an answer, however unwelcome.
bool IsOutage(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool FixedAnswer::operator()(const absl::Status&, MessageLite& answer) const {
  if (!OfOneType(*value_, answer)) return false;
  answer.CheckTypeAndMergeFrom(*value_);
  return true;
}

void StandIn::Keep(const MessageLite& answer) const {
  if (answers_ == nullptr || answers_->stale == nullptr) return;
  answers_->stale->Put(key_, answer.SerializePartialAsString(), Now());
}

bool StandIn::Answer(const absl::Status& failure, MessageLite& answer) const {
  if (!IsOutage(failure.code())) return false;
  return AnswerFromCache(answer) || AnswerFromFallback(failure, answer);
}

bool StandIn::AnswerFromCache(MessageLite& answer) const {
  if (answers_ == nullptr || answers_->stale == nullptr) return false;
  const auto kept = answers_->stale->Find(key_, Now());
  if (!kept || !answer.ParsePartialFromString(kept->bytes)) return false;
  NoteSource(AnswerSource::kStale, kept->age);
  return true;
}

bool StandIn::AnswerFromFallback(const absl::Status& failure, MessageLite& answer) const {
  const Fallback* fallback = &fallback_;
  if (!*fallback && answers_ != nullptr) fallback = &answers_->fallback;
  if (!*fallback) return false;
  // A failed attempt may have left something in it.
  answer.Clear();
  if (!(*fallback)(failure, answer)) return false;
  NoteSource(AnswerSource::kFallback, {});
  return true;
}

void StandIn::NoteSource(AnswerSource source, Duration age) const {
  if (report_ != nullptr) {
    report_->source = source;
    report_->age = age;
  }
  if (observation_ != nullptr) observation_->NoteSource(source, age);
}

absl::Status CheckFallback(const Fallback& fallback, const MessageLite& answer) {
  const auto* fixed = fallback.target<FixedAnswer>();
  if (fixed == nullptr || OfOneType(fixed->value(), answer)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("CallOptions.fallback: gives a ", std::string(fixed->value().GetTypeName()),
                                                 ", but the method answers with a ", std::string(answer.GetTypeName())));
}

}  // namespace userclient::internal
