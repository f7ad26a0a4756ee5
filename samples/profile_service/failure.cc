#include "failure.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "userclient/call_report.h"
#include "userclient/error_details.h"
#include "userclient/rejection.h"

namespace profile_service {
namespace {

struct HttpError {
  int status;
  const char* title;
};

HttpError ErrorFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return {400, "The request is wrong"};
    case absl::StatusCode::kNotFound:
      return {404, "There is no such profile"};
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return {409, "The request does not fit what is there"};
    // Nobody here cancelled (GoneAnswer): a server, or this service, is going down.
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return {503, "The user service is not available"};
    case absl::StatusCode::kDeadlineExceeded:
      return {504, "The user service did not answer in time"};
    default:
      return {502, "The user service failed"};
  }
}

/// The word of the client's own log and metrics.
std::string LabelOf(userclient::Rejection rejection) { return std::string(userclient::RejectionLabel(rejection)); }

/// Whole seconds, as the header wants them, and never too few.
std::string RetryAfter(const absl::Status& status) {
  const std::optional<std::chrono::nanoseconds> wait = userclient::RetryAfterOf(status).has_value()
                                                           ? userclient::RetryAfterOf(status)
                                                           : userclient::ErrorDetailsOf(status).retry_delay;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait.value_or(std::chrono::seconds(1)));
  return std::to_string(std::max<int64_t>(1, seconds.count()));
}

}  // namespace

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

Answer FailureAnswer(const absl::Status& status) {
  const HttpError error = ErrorFor(status.code());
  const std::optional<userclient::Rejection> rejection = userclient::RejectionOf(status);
  Json problem = {{"title", error.title}, {"status", error.status}, {"code", CodeName(status.code())}};
  if (rejection) problem["rejection"] = LabelOf(*rejection);
  if (error.status < 500) {
    problem["detail"] = std::string(status.message());
    Json fields = Json::array();
    for (const userclient::FieldViolation& wrong : userclient::ErrorDetailsOf(status).field_violations) {
      fields.push_back({{"field", wrong.field}, {"description", wrong.description}});
    }
    if (!fields.empty()) problem["fields"] = std::move(fields);
  }

  Answer answer = JsonAnswer(error.status, problem);
  answer.content_type = "application/problem+json";
  if (error.status == 503) answer.headers.emplace_back("Retry-After", RetryAfter(status));
  answer.log = {{"code", CodeName(status.code())}, {"error", std::string(status.message())}};
  if (rejection) answer.log["rejection"] = LabelOf(*rejection);
  if (const std::optional<userclient::CallReport> report = userclient::ReportOf(status)) {
    answer.log["attempts"] = report->attempts.size();
  }
  return answer;
}

Answer GoneAnswer() { return Problem(499, "The client has gone", "Nobody reads this."); }

}  // namespace profile_service
