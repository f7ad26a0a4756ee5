#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "userclient/call_report.h"

namespace userclient {
namespace {

/// "1.5 ms", "2.00 s": three digits are enough for a person.
std::string ForPeople(std::chrono::nanoseconds duration) {
  const auto nanoseconds = static_cast<double>(duration.count());
  if (nanoseconds < 1e3) return absl::StrFormat("%d ns", duration.count());
  if (nanoseconds < 1e6) return absl::StrFormat("%.3g us", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return absl::StrFormat("%.3g ms", nanoseconds / 1e6);
  return absl::StrFormat("%.3f s", nanoseconds / 1e9);
}

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

void AppendAttempt(const AttemptReport& attempt, size_t number, std::string& text) {
  absl::StrAppend(&text, "\n  ", number, ". ", std::string(AttemptReasonName(attempt.reason)), " at ",
                  ForPeople(attempt.started));
  if (attempt.waited.count() > 0) absl::StrAppend(&text, " (waited ", ForPeople(attempt.waited), ")");
  absl::StrAppend(&text, ", ", attempt.peer.empty() ? "peer not known" : attempt.peer, ", ", ForPeople(attempt.duration), ": ",
                  CodeName(attempt.status.code()));
  if (!attempt.status.message().empty()) absl::StrAppend(&text, " \"", std::string(attempt.status.message()), "\"");
}

void AppendSource(const CallReport& report, std::string& text) {
  switch (report.source) {
    case AnswerSource::kServer:
      return;
    case AnswerSource::kShared:
      return absl::StrAppend(&text, "\n  shared with another call that asked the same");
    case AnswerSource::kStale:
      return absl::StrAppend(&text, "\n  answered with what the server said ", ForPeople(report.age), " ago (staleIfError)");
    case AnswerSource::kFallback:
      return absl::StrAppend(&text, "\n  answered by the fallback");
  }
}

}  // namespace

std::string_view AttemptReasonName(AttemptReason reason) {
  switch (reason) {
    case AttemptReason::kFirst:
      return "first attempt";
    case AttemptReason::kRetry:
      return "retry";
    case AttemptReason::kPushback:
      return "retry when the server asked for it";
    case AttemptReason::kResume:
      return "resumed";
    case AttemptReason::kFreshToken:
      return "fresh token";
    case AttemptReason::kHedge:
      return "hedge";
  }
  return "attempt";
}

std::string_view CallEndName(CallEnd end) {
  switch (end) {
    case CallEnd::kSucceeded:
      return "succeeded";
    case CallEnd::kNoRetryPolicy:
      return "the method has no retryPolicy";
    case CallEnd::kNotRetryable:
      return "the status is not in retryableStatusCodes";
    case CallEnd::kAttemptsExhausted:
      return "maxAttempts reached";
    case CallEnd::kThrottled:
      return "retryThrottling: too many failures of late";
    case CallEnd::kPushedBack:
      return "the server asked not to retry";
    case CallEnd::kDeadline:
      return "no time left before the deadline";
    case CallEnd::kCommitted:
      return "the server had already sent response headers";
    case CallEnd::kCancelled:
      return "cancelled by the caller";
    case CallEnd::kRejected:
      return "refused by the client before anything was sent";
    case CallEnd::kCircuitOpen:
      return "the circuit of the compartment opened";
    case CallEnd::kBulkheadFull:
      return "the compartment had no seat for it";
  }
  return "ended";
}

std::string Explain(const CallReport& report) {
  std::string text = absl::StrCat(report.method, ": ", CodeName(report.code), " after ", ForPeople(report.duration));
  // A watch has no deadline.
  if (report.budget.count() > 0) absl::StrAppend(&text, " of ", ForPeople(report.budget));
  absl::StrAppend(&text, ", ", report.attempts.size(), report.attempts.size() == 1 ? " attempt" : " attempts", ", compartment ",
                  report.compartment);
  for (size_t i = 0; i < report.attempts.size(); ++i) AppendAttempt(report.attempts[i], i + 1, text);
  if (report.code != absl::StatusCode::kOk)
    absl::StrAppend(&text, "\n  no further attempt: ", std::string(CallEndName(report.end)));
  AppendSource(report, text);
  return text;
}

}  // namespace userclient
