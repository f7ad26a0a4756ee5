#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "latency_chart.h"
#include "load_result.h"
#include "userctl/json_line.h"

namespace userctl {
namespace {

using nlohmann::ordered_json;

double Milliseconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double, std::milli>(duration).count(); }
double Seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

ordered_json PlanJson(const LoadPlan& plan) {
  ordered_json mix = ordered_json::object();
  for (const CallMix::Part& part : plan.mix.parts()) mix[std::string(CallKindName(part.kind))] = part.weight;
  ordered_json json = {{"mix", std::move(mix)}};
  if (plan.rate) {
    json["rate"] = *plan.rate;
    json["max_in_flight"] = plan.max_in_flight;
  } else {
    json["concurrency"] = plan.concurrency;
  }
  if (plan.warm_up) json["warm_up_s"] = Seconds(*plan.warm_up);
  if (plan.duration) json["duration_s"] = Seconds(*plan.duration);
  if (plan.calls) json["calls"] = *plan.calls;
  return json;
}

ordered_json LatencyJson(const LatencyHistogram& latency) {
  if (latency.count() == 0) return {{"count", 0}};
  return {{"count", latency.count()},
          {"min", Milliseconds(latency.min())},
          {"mean", Milliseconds(latency.mean())},
          {"p50", Milliseconds(latency.Percentile(0.5))},
          {"p90", Milliseconds(latency.Percentile(0.9))},
          {"p95", Milliseconds(latency.Percentile(0.95))},
          {"p99", Milliseconds(latency.Percentile(0.99))},
          {"p99.9", Milliseconds(latency.Percentile(0.999))},
          {"max", Milliseconds(latency.max())}};
}

ordered_json HistogramJson(const LoadTally& tally) {
  ordered_json json = ordered_json::array();
  for (const LatencyBar& bar : LatencyBars(tally.ok_latency, tally.failed_latency)) {
    json.push_back({{"up_to_ms", Milliseconds(bar.limit)}, {"ok", bar.ok}, {"failed", bar.failed}});
  }
  return json;
}

ordered_json CodesJson(const LoadTally& tally) {
  ordered_json json = ordered_json::object();
  for (const auto& [code, count] : tally.codes) {
    ordered_json entry = {{"calls", count.calls}};
    if (!count.message.empty()) entry["first_message"] = count.message;
    json[absl::StatusCodeToString(code)] = std::move(entry);
  }
  return json;
}

ordered_json AttemptsJson(const LoadTally& tally) {
  ordered_json of_calls = ordered_json::object();
  for (const auto& [attempts, calls] : tally.attempts_of_calls) of_calls[std::to_string(attempts)] = calls;
  ordered_json reasons = ordered_json::object();
  for (const auto& [reason, attempts] : tally.further_attempts) {
    reasons[std::string(userclient::AttemptReasonLabel(reason))] = attempts;
  }
  return {{"total", tally.attempts},
          {"further", std::move(reasons)},
          {"calls_by_attempts", std::move(of_calls)},
          {"rescued_calls", tally.rescued}};
}

ordered_json CircuitsJson(const LoadResult& result) {
  ordered_json json = ordered_json::object();
  for (const auto& [compartment, state] : result.circuits) {
    json[compartment] = {{"state", userclient::CircuitStateLabel(state)}, {"transitions", ordered_json::array()}};
  }
  for (const CircuitLog::Entry& entry : result.transitions) {
    const userclient::CircuitTransition& transition = entry.transition;
    ordered_json change = {{"at_s", Seconds(entry.at - result.began)},
                           {"from", userclient::CircuitStateLabel(transition.from)},
                           {"to", userclient::CircuitStateLabel(transition.to)},
                           {"cause", userclient::CircuitCauseLabel(transition.cause)}};
    if (transition.calls > 0) {
      change["calls"] = transition.calls;
      change["failures"] = transition.failures;
      change["slow_calls"] = transition.slow_calls;
    }
    if (transition.open_for > std::chrono::nanoseconds::zero()) change["open_for_s"] = Seconds(transition.open_for);
    json[entry.compartment]["transitions"].push_back(std::move(change));
  }
  return json;
}

}  // namespace

std::string LoadJson(const LoadResult& result) {
  const LoadTally& tally = result.tally;
  ordered_json kinds = ordered_json::object();
  for (const auto& [kind, count] : tally.kinds) {
    kinds[std::string(CallKindName(kind))] = {{"calls", count.calls}, {"failed", count.failed}};
  }
  ordered_json rejections = ordered_json::object();
  for (const auto& [rejection, calls] : tally.rejections) rejections[std::string(userclient::RejectionLabel(rejection))] = calls;
  ordered_json substitutes = ordered_json::object();
  for (const auto& [source, calls] : tally.substitutes) substitutes[std::string(userclient::AnswerSourceLabel(source))] = calls;
  ordered_json servers = ordered_json::object();
  for (const auto& [peer, server] : tally.servers) servers[peer] = {{"attempts", server.attempts}, {"failed", server.failed}};

  return JsonLine({{"load",
                    {{"target", result.target},
                     {"plan", PlanJson(result.plan)},
                     {"elapsed_s", Seconds(result.elapsed)},
                     {"interrupted", result.interrupted},
                     {"calls", tally.calls},
                     {"ok", tally.ok()},
                     {"failed", tally.failed},
                     {"cut_off", tally.cut_off},
                     {"never_begun", result.never_begun},
                     {"waited_for_room", tally.waited_for_room},
                     {"latest_start_ms", Milliseconds(tally.start_delay.latest())},
                     {"latest_start_by_machine_ms", Milliseconds(tally.start_delay.latest_by_machine())},
                     {"machine_is_too_slow", result.plan.rate.has_value() && tally.start_delay.machine_is_too_slow()},
                     {"calls_per_second", result.calls_per_second()},
                     {"kinds", std::move(kinds)},
                     {"codes", CodesJson(tally)},
                     {"rejections", std::move(rejections)},
                     {"substitutes", std::move(substitutes)},
                     {"attempts", AttemptsJson(tally)},
                     {"servers", std::move(servers)},
                     {"circuits", CircuitsJson(result)},
                     {"latency_ms", {{"ok", LatencyJson(tally.ok_latency)}, {"failed", LatencyJson(tally.failed_latency)}}},
                     {"histogram", HistogramJson(tally)}}}});
}

}  // namespace userctl
