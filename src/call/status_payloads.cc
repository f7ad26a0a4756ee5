#include "call/status_payloads.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "userclient/v1/call_report.pb.h"

namespace userclient {
namespace {

constexpr char kReportPayload[] = "userclient/call-report";
constexpr char kRejectionPayload[] = "userclient/rejection";
constexpr char kRetryAfterPayload[] = "userclient/retry-after-ns";

std::optional<std::string> Payload(const absl::Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  if (!payload) return std::nullopt;
  return std::string(*payload);
}

v1::CallReport ToProto(const CallReport& report) {
  v1::CallReport proto;
  proto.set_method(report.method);
  proto.set_compartment(report.compartment);
  proto.set_budget_ns(report.budget.count());
  proto.set_duration_ns(report.duration.count());
  proto.set_end(static_cast<int32_t>(report.end));
  proto.set_code(static_cast<int32_t>(report.code));
  proto.set_source(static_cast<int32_t>(report.source));
  proto.set_age_ns(report.age.count());
  for (const AttemptReport& attempt : report.attempts) {
    v1::AttemptReport& to = *proto.add_attempts();
    to.set_reason(static_cast<int32_t>(attempt.reason));
    to.set_peer(attempt.peer);
    to.set_waited_ns(attempt.waited.count());
    to.set_started_ns(attempt.started.count());
    to.set_duration_ns(attempt.duration.count());
    to.set_code(attempt.status.raw_code());
    to.set_message(std::string(attempt.status.message()));
  }
  return proto;
}

CallReport FromProto(const v1::CallReport& proto) {
  CallReport report = {.method = std::string(proto.method()),
                       .compartment = std::string(proto.compartment()),
                       .budget = std::chrono::nanoseconds(proto.budget_ns()),
                       .duration = std::chrono::nanoseconds(proto.duration_ns()),
                       .end = static_cast<CallEnd>(proto.end()),
                       .code = static_cast<absl::StatusCode>(proto.code()),
                       .source = static_cast<AnswerSource>(proto.source()),
                       .age = std::chrono::nanoseconds(proto.age_ns())};
  for (const v1::AttemptReport& from : proto.attempts()) {
    report.attempts.push_back({.reason = static_cast<AttemptReason>(from.reason()),
                               .peer = std::string(from.peer()),
                               .waited = std::chrono::nanoseconds(from.waited_ns()),
                               .started = std::chrono::nanoseconds(from.started_ns()),
                               .duration = std::chrono::nanoseconds(from.duration_ns()),
                               .status = absl::Status(static_cast<absl::StatusCode>(from.code()), std::string(from.message()))});
  }
  return report;
}

}  // namespace

namespace internal {

void AttachReport(const CallReport& report, absl::Status& status) {
  status.SetPayload(kReportPayload, absl::Cord(ToProto(report).SerializeAsString()));
}

void AttachRejection(Rejection rejection, std::optional<std::chrono::nanoseconds> retry_after, absl::Status& status) {
  status.SetPayload(kRejectionPayload, absl::Cord(std::to_string(static_cast<int>(rejection))));
  if (retry_after) status.SetPayload(kRetryAfterPayload, absl::Cord(std::to_string(retry_after->count())));
}

}  // namespace internal

std::optional<CallReport> ReportOf(const absl::Status& status) {
  const std::optional<std::string> payload = Payload(status, kReportPayload);
  v1::CallReport proto;
  if (!payload || !proto.ParseFromString(*payload)) return std::nullopt;
  CallReport report = FromProto(proto);
  report.rejection = RejectionOf(status);
  return report;
}

std::optional<Rejection> RejectionOf(const absl::Status& status) {
  const std::optional<std::string> payload = Payload(status, kRejectionPayload);
  if (!payload) return std::nullopt;
  for (Rejection rejection : {Rejection::kBulkheadFull, Rejection::kCircuitOpen, Rejection::kThrottled,
                              Rejection::kDeadlineTooShort, Rejection::kShutdown}) {
    if (*payload == std::to_string(static_cast<int>(rejection))) return rejection;
  }
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> RetryAfterOf(const absl::Status& status) {
  const std::optional<std::string> payload = Payload(status, kRetryAfterPayload);
  std::chrono::nanoseconds::rep count = 0;
  if (!payload || !absl::SimpleAtoi(*payload, &count)) return std::nullopt;
  return std::chrono::nanoseconds(count);
}

std::string_view RejectionName(Rejection rejection) {
  switch (rejection) {
    case Rejection::kBulkheadFull:
      return "kBulkheadFull";
    case Rejection::kCircuitOpen:
      return "kCircuitOpen";
    case Rejection::kThrottled:
      return "kThrottled";
    case Rejection::kDeadlineTooShort:
      return "kDeadlineTooShort";
    case Rejection::kShutdown:
      return "kShutdown";
  }
  return "unknown";
}

}  // namespace userclient
