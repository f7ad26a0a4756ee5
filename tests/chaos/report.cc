#include "tests/chaos/report.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace userclient::chaos {
namespace {

using std::chrono::nanoseconds;

double Seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }
double Milliseconds(nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

/// Three digits of what matters.
std::string MillisecondsText(nanoseconds time) {
  const double milliseconds = Milliseconds(time);
  return milliseconds < 100 ? absl::StrFormat("%.1f", milliseconds) : absl::StrFormat("%.0f", milliseconds);
}

/// Nothing for calls that there were none of.
std::string P99Text(const Figures& figures) { return figures.calls == 0 ? "" : MillisecondsText(figures.p99); }

/// How late the latest call ended, if any did.
std::string OverrunText(const Measures& measures) {
  return measures.overrun <= nanoseconds::zero() ? "" : MillisecondsText(measures.overrun);
}

std::string RecoveryText(const Result& result) {
  if (result.scenario.healed_at.count() == 0) return "";
  return result.measures.recovered ? absl::StrCat(result.measures.recovered->count(), " s") : "never";
}

bool HasLosses(const Result& result) {
  return result.scenario.companion != Companion::kNone || result.scenario.callers.front().rpc == Rpc::kCreateUser;
}

std::string LossesText(const Result& result) {
  if (!HasLosses(result)) return "";
  const Losses& losses = result.measures.losses;
  std::string text = absl::StrFormat("%d lost, %d doubled of %d", losses.lost, losses.doubled, losses.expected);
  if (losses.created_unknown != 0) absl::StrAppend(&text, ", ", losses.created_unknown, " created though said to have failed");
  if (!losses.broken_off.empty()) absl::StrAppend(&text, ", broke off: ", losses.broken_off);
  return text;
}

std::string ErrorsText(const Result& result) {
  return absl::StrJoin(result.measures.errors, ", ", [](std::string* text, const auto& error) {
    absl::StrAppend(text, error.second, " ", absl::StatusCodeToString(error.first));
  });
}

nlohmann::json Json(const Figures& figures) {
  return {{"calls", figures.calls},
          {"failed", figures.failed},
          {"p50_ms", Milliseconds(figures.p50)},
          {"p99_ms", Milliseconds(figures.p99)},
          {"p99.9_ms", Milliseconds(figures.p999)}};
}

nlohmann::json Json(const Losses& losses) {
  return {{"expected", losses.expected},
          {"lost", losses.lost},
          {"doubled", losses.doubled},
          {"created_though_said_to_have_failed", losses.created_unknown},
          {"broken_off", losses.broken_off}};
}

nlohmann::json Json(const Result& result) {
  const Measures& measures = result.measures;
  nlohmann::json seconds = nlohmann::json::array();
  for (const Figures& second : measures.seconds) seconds.push_back(Json(second));
  nlohmann::json errors = nlohmann::json::object();
  for (const auto& [code, count] : measures.errors) errors[absl::StatusCodeToString(code)] = count;
  nlohmann::json json = {{"way", std::string(WayName(result.way))},
                         {"all", Json(measures.all)},
                         {"healthy", Json(measures.healthy)},
                         {"since_the_fault", Json(measures.since_fault)},
                         {"from_one_second_later", Json(measures.later)},
                         {"errors", errors},
                         {"calls_of_all_callers", measures.calls},
                         {"attempts_at_the_servers", measures.attempts},
                         {"attempts_per_call", measures.attempts_per_call()},
                         {"recovered_after_s", nullptr},
                         {"latest_end_after_its_deadline_ms", Milliseconds(measures.overrun)},
                         {"machine_stood_still_ms", Milliseconds(measures.stall)},
                         {"missed_bars", result.missed},
                         {"seconds", std::move(seconds)}};
  if (measures.recovered) json["recovered_after_s"] = measures.recovered->count();
  if (HasLosses(result)) json["losses"] = Json(measures.losses);
  return json;
}

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown cpu";
}

}  // namespace

std::string ScriptText(const Scenario& scenario) {
  std::vector<std::string> steps;
  if (scenario.companion == Companion::kSlowReader) steps.push_back(absl::StrFormat("%g s read", Seconds(scenario.companion_at)));
  for (const Step& step : scenario.steps) steps.push_back(absl::StrFormat("%g s %s", Seconds(step.at), step.what));
  steps.push_back(absl::StrFormat("%g s end", Seconds(scenario.lasting)));
  return absl::StrJoin(steps, "; ");
}

std::string TableHead() {
  return absl::StrFormat("%-16s %-10s %6s %6s %8s %8s %7s %7s %7s %7s %8s %6s %7s\n", "scenario", "way", "calls", "failed",
                         "succ. %", "after 1s", "healthy", "p50 ms", "p99 ms", "p99.9", "att/call", "recov.", "late ms");
}

std::string TableLine(const Result& result) {
  const Measures& measures = result.measures;
  std::string text = absl::StrFormat(
      "%-16s %-10s %6d %6d %8.2f %8.2f %7s %7s %7s %7s %8.3f %6s %7s\n", result.scenario.name, std::string(WayName(result.way)),
      measures.all.calls, measures.all.failed, 100 * measures.all.success(), 100 * measures.later.success(),
      P99Text(measures.healthy), MillisecondsText(measures.since_fault.p50), MillisecondsText(measures.since_fault.p99),
      MillisecondsText(measures.since_fault.p999), measures.attempts_per_call(), RecoveryText(result), OverrunText(measures));
  for (const std::string& more : {ErrorsText(result), LossesText(result)}) {
    if (!more.empty()) absl::StrAppend(&text, "    ", more, "\n");
  }
  for (const std::string& missed : result.missed) absl::StrAppend(&text, "    MISSED: ", missed, "\n");
  return text;
}

std::string Machine() {
  return absl::StrFormat("%s, %d cores for the client and all servers; gRPC %s", CpuModel(), std::thread::hardware_concurrency(),
                         grpc::Version());
}

std::string Markdown(const std::vector<Result>& results) {
  std::string text = absl::StrCat("Machine: ", Machine(), ".\n");
  std::string scenario;
  for (const Result& result : results) {
    const Measures& measures = result.measures;
    if (scenario != result.scenario.name) {
      scenario = result.scenario.name;
      absl::StrAppend(
          &text, "\n### ", scenario, "\n\n", result.scenario.about, " (", ScriptText(result.scenario), ")\n\n",
          "| way | failed of | succeeded | from 1 s after | p99 healthy | p50 | p99 | p99.9 | p99 from 1 s after | attempts a "
          "call | recovered | lost and doubled |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    }
    absl::StrAppendFormat(&text, "| %s | %d of %d | %.2f %% | %.2f %% | %s | %s | %s | %s | %s | %.3f | %s | %s |\n",
                          std::string(WayName(result.way)), measures.all.failed, measures.all.calls, 100 * measures.all.success(),
                          100 * measures.later.success(), P99Text(measures.healthy), MillisecondsText(measures.since_fault.p50),
                          MillisecondsText(measures.since_fault.p99), MillisecondsText(measures.since_fault.p999),
                          MillisecondsText(measures.later.p99), measures.attempts_per_call(), RecoveryText(result),
                          LossesText(result));
    for (const std::string& missed : result.missed) absl::StrAppend(&text, "\n**Missed:** ", missed, "\n");
  }
  return text;
}

std::string JsonText(const std::vector<Result>& results) {
  nlohmann::json scenarios = nlohmann::json::array();
  for (const Result& result : results) {
    const Scenario& scenario = result.scenario;
    if (scenarios.empty() || scenarios.back()["name"] != scenario.name) {
      scenarios.push_back({{"name", scenario.name},
                           {"about", scenario.about},
                           {"script", ScriptText(scenario)},
                           {"fault_at_s", Seconds(scenario.fault_at)},
                           {"healed_at_s", Seconds(scenario.healed_at)},
                           {"ways", nlohmann::json::array()}});
    }
    scenarios.back()["ways"].push_back(Json(result));
  }
  return nlohmann::json({{"machine", Machine()}, {"scenarios", std::move(scenarios)}}).dump(1) + "\n";
}

}  // namespace userclient::chaos
