#include "userclient/json_log.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "telemetry/json_text.h"
#include "telemetry/labels.h"
#include "telemetry/line_writer.h"
#include "telemetry/trace_context.h"

namespace userclient {
namespace {

using internal::Label;
using internal::Line;
using internal::Seconds;
using Json = nlohmann::ordered_json;

/// The trace that a call belongs to.
struct Traced final : public CallState {
  std::string id{};
};

/// Empty if it is no traceparent.
std::string TraceId(std::string_view traceparent) {
  const std::optional<internal::Traceparent> parsed = internal::ParseTraceparent(traceparent);
  return parsed ? std::string(parsed->trace_id) : std::string();
}

Json Begin(std::string_view event) { return {{"time", internal::TimeText(absl::Now())}, {"event", event}}; }

Json Begin(std::string_view event, const ObservedCall& call, const CallState* state) {
  Json line = Begin(event);
  line["target"] = call.client.target;
  line["method"] = call.method;
  line["compartment"] = call.compartment;
  if (call.flight) line["flight"] = true;
  const auto& trace_id = static_cast<const Traced&>(*state).id;
  if (!trace_id.empty()) line["trace_id"] = trace_id;
  return line;
}

Json Begin(std::string_view event, const ObservedClient& client) {
  Json line = Begin(event);
  line["service"] = client.service;
  line["target"] = client.target;
  return line;
}

void AddMessage(const absl::Status& status, bool messages, Json& line) {
  if (messages && !status.message().empty()) line["message"] = std::string(status.message());
}

std::function<void(std::string_view line)> WriteLinesWith(internal::LineWriter::Write write) {
  return [writer = std::make_shared<internal::LineWriter>(std::move(write))](std::string_view line) { (*writer)(line); };
}

JsonLogOptions Completed(JsonLogOptions options) {
  if (!options.write)
    options.write = WriteLinesWith([](std::string_view text) { return internal::WriteTo(STDERR_FILENO, text); });
  return options;
}

}  // namespace

JsonLog::JsonLog(JsonLogOptions options) : options_(Completed(std::move(options))) {}

void JsonLog::OnClientStart(const ObservedClient& client) { Write(Line(Begin("client_started", client))); }

std::unique_ptr<CallState> JsonLog::OnCallStart(const ObservedCall& /*call*/, const CallOptions& options) {
  auto traced = std::make_unique<Traced>();
  traced->id = TraceId(InboundTrace(options).traceparent);
  return traced;
}

void JsonLog::OnAttemptStart(const ObservedCall& /*call*/, const ObservedAttempt& /*attempt*/, CallState* state,
                             Metadata& metadata) {
  std::string id = TraceId(internal::TraceOf(metadata).traceparent);
  if (!id.empty()) static_cast<Traced&>(*state).id = std::move(id);
}

void JsonLog::OnAttemptEnd(const ObservedCall& call, const ObservedAttempt& attempt, const AttemptReport& report,
                           CallState* state) {
  if (options_.level < LogLevel::kAttempts) return;
  Json line = Begin("attempt", call, state);
  line["attempt"] = attempt.number;
  line["reason"] = Label(attempt.reason);
  line["code"] = absl::StatusCodeToString(report.status.code());
  line["peer"] = report.peer;
  line["waited"] = Seconds(attempt.waited);
  line["duration"] = Seconds(report.duration);
  AddMessage(report.status, options_.messages, line);
  Write(Line(line));
}

void JsonLog::OnCallEnd(const ObservedCall& call, const CallReport& report, const absl::Status& status, CallState* state) {
  if (!Wants(report, status)) return;
  Json line = Begin("call", call, state);
  line["code"] = absl::StatusCodeToString(report.code);
  line["end"] = Label(report.end);
  if (report.rejection) line["rejection"] = Label(*report.rejection);
  line["source"] = Label(report.source);
  if (report.source == AnswerSource::kStale) line["age"] = Seconds(report.age);
  line["attempts"] = report.attempts.size();
  if (!report.attempts.empty()) line["peer"] = report.attempts.back().peer;
  line["budget"] = Seconds(report.budget);
  line["duration"] = Seconds(report.duration);
  AddMessage(status, options_.messages, line);
  Write(Line(line));
}

bool JsonLog::Wants(const CallReport& report, const absl::Status& status) const {
  if (options_.level >= LogLevel::kCalls || !status.ok()) return true;
  return options_.level == LogLevel::kRetries && report.attempts.size() > 1;
}

void JsonLog::OnCircuitChange(const ObservedClient& client, std::string_view compartment, const CircuitTransition& transition) {
  Json line = Begin("circuit", client);
  line["compartment"] = compartment;
  line["change"] = transition.sequence;
  line["from"] = Label(transition.from);
  line["to"] = Label(transition.to);
  line["cause"] = Label(transition.cause);
  if (transition.open_for > std::chrono::nanoseconds::zero()) line["open_for"] = Seconds(transition.open_for);
  if (transition.calls > 0) {
    line["calls"] = transition.calls;
    line["failures"] = transition.failures;
    line["slow_calls"] = transition.slow_calls;
  }
  Write(Line(line));
}

void JsonLog::OnClientEvent(const ObservedClient& client, const ClientEvent& event) {
  Json line = Begin(Label(event.kind), client);
  line["subject"] = event.subject;
  if (event.config_version > 0) line["config_version"] = event.config_version;
  if (!event.endpoints.empty()) {
    line["ipv4"] = event.endpoints.ipv4;
    line["ipv6"] = event.endpoints.ipv6;
  }
  // Of the client's own: what is wrong with a file, or with the name.
  AddMessage(event.status, /*messages=*/true, line);
  Write(Line(line));
}

void JsonLog::Write(std::string_view line) {
  const std::lock_guard lock(writing_);
  options_.write(line);
}

std::function<void(std::string_view line)> WriteLinesTo(std::ostream& stream) {
  return WriteLinesWith([&stream](std::string_view text) { return internal::WriteTo(stream, text); });
}

}  // namespace userclient
