#include "failure.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "duration.h"
#include "json_line.h"
#include "printable.h"
#include "userclient/error_details.h"
#include "userclient/rejection.h"

namespace userctl {
namespace {

using nlohmann::ordered_json;

double Milliseconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

ordered_json ToJson(const userclient::AttemptReport& attempt) {
  return {{"reason", userclient::AttemptReasonLabel(attempt.reason)},
          {"peer", attempt.peer},
          {"waited_ms", Milliseconds(attempt.waited)},
          {"started_ms", Milliseconds(attempt.started)},
          {"duration_ms", Milliseconds(attempt.duration)},
          {"code", absl::StatusCodeToString(attempt.status.code())},
          {"message", std::string(attempt.status.message())}};
}

ordered_json ToJson(const userclient::CallReport& report) {
  ordered_json attempts = ordered_json::array();
  for (const userclient::AttemptReport& attempt : report.attempts) attempts.push_back(ToJson(attempt));
  ordered_json json = {{"method", report.method},
                       {"compartment", report.compartment},
                       {"code", absl::StatusCodeToString(report.code)},
                       {"end", userclient::CallEndLabel(report.end)},
                       {"source", userclient::AnswerSourceLabel(report.source)},
                       {"budget_ms", Milliseconds(report.budget)},
                       {"duration_ms", Milliseconds(report.duration)},
                       {"attempts", std::move(attempts)}};
  if (report.source == userclient::AnswerSource::kStale) json["age_ms"] = Milliseconds(report.age);
  return json;
}

ordered_json ToJson(const userclient::ErrorDetails& details) {
  ordered_json json = ordered_json::object();
  for (const userclient::FieldViolation& violation : details.field_violations) {
    json["field_violations"].push_back({{"field", violation.field}, {"description", violation.description}});
  }
  for (const userclient::PreconditionViolation& violation : details.precondition_violations) {
    json["precondition_violations"].push_back(
        {{"type", violation.type}, {"subject", violation.subject}, {"description", violation.description}});
  }
  if (const auto& info = details.error_info) {
    json["error_info"] = {{"reason", info->reason}, {"domain", info->domain}, {"metadata", info->metadata}};
  }
  if (const auto& resource = details.resource_info) {
    json["resource_info"] = {{"resource_type", resource->resource_type},
                             {"resource_name", resource->resource_name},
                             {"owner", resource->owner},
                             {"description", resource->description}};
  }
  if (details.retry_delay) json["retry_delay_ms"] = Milliseconds(*details.retry_delay);
  if (!details.request_id.empty()) json["request_id"] = details.request_id;
  for (const userclient::OtherDetail& other : details.other) {
    json["other"].push_back({{"type_url", other.type_url}, {"value_base64", absl::Base64Escape(other.value)}});
  }
  return json;
}

}  // namespace

std::string FailureText(std::string_view what, const absl::Status& status, std::string_view hint) {
  const std::string message(status.message());
  std::string text = absl::StrCat(Printable(what), ": ", absl::StatusCodeToString(status.code()));
  // Many servers say no more than the code.
  if (!message.empty()) absl::StrAppend(&text, ": ", Printable(message));
  if (const std::optional<userclient::Rejection> rejection = userclient::RejectionOf(status)) {
    absl::StrAppend(&text, "\n  refused by the client itself: ", std::string(userclient::RejectionName(*rejection)));
  }
  const userclient::ErrorDetails details = userclient::ErrorDetailsOf(status);
  const auto add = [&](const std::string& place, const std::string& what_is_wrong) {
    const std::string line = absl::StrCat(place, ": ", what_is_wrong);
    if (message.find(line) == std::string::npos) absl::StrAppend(&text, "\n  ", Printable(line));
  };
  for (const userclient::FieldViolation& violation : details.field_violations) add(violation.field, violation.description);
  for (const userclient::PreconditionViolation& violation : details.precondition_violations) {
    add(violation.subject, violation.description);
  }
  if (!hint.empty()) absl::StrAppend(&text, "\nhint: ", Printable(hint));
  return text;
}

std::string FailureJson(std::string_view what, const absl::Status& status, std::string_view hint) {
  ordered_json error = ordered_json::object();
  if (!what.empty()) error["command"] = what;
  error["code"] = absl::StatusCodeToString(status.code());
  error["message"] = std::string(status.message());
  if (ordered_json details = ToJson(userclient::ErrorDetailsOf(status)); !details.empty()) error["details"] = std::move(details);
  if (const std::optional<userclient::Rejection> rejection = userclient::RejectionOf(status)) {
    error["rejection"] = userclient::RejectionLabel(*rejection);
  }
  if (!hint.empty()) error["hint"] = hint;
  if (const std::optional<userclient::CallReport> report = userclient::ReportOf(status)) error["report"] = ToJson(*report);
  return JsonLine({{"error", std::move(error)}});
}

std::string ReportJson(const userclient::CallReport& report) { return JsonLine({{"report", ToJson(report)}}); }

bool StoodIn(const userclient::CallReport& report) {
  return report.source == userclient::AnswerSource::kStale || report.source == userclient::AnswerSource::kFallback;
}

std::string StandInText(const userclient::CallReport& report) {
  const std::string begin = absl::StrCat(report.method, ": ", absl::StatusCodeToString(report.code), ", answered ");
  if (report.source == userclient::AnswerSource::kFallback) return begin + "by the fallback";
  return absl::StrCat(begin, "from the cache, ", DurationText(std::chrono::floor<std::chrono::milliseconds>(report.age)), " old");
}

}  // namespace userctl
