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
std::string SuccessText(const Figures& figures) {
  return figures.calls == 0 ? "" : absl::StrFormat("%.2f", 100 * figures.success());
}

/// How late the latest call ended, if any did.
std::string OverrunText(const Measures& measures) {
  return measures.overrun <= nanoseconds::zero() ? "" : MillisecondsText(measures.overrun);
}

std::string RecoveryText(const Result& result) {
  if (!result.measures.timeline.healed) return "";
  return result.measures.recovered ? absl::StrCat(result.measures.recovered->count(), " s") : "never";
}

std::string LossesText(const Losses& losses) {
  std::string text = absl::StrFormat("%d lost, %d doubled of %d", losses.lost, losses.doubled, losses.expected);
  if (losses.created_unknown != 0) absl::StrAppend(&text, ", ", losses.created_unknown, " created though said to have failed");
  if (!losses.broken_off.empty()) absl::StrAppend(&text, ", broke off: ", losses.broken_off);
  return text;
}

std::string ShareText(const Share& share, std::optional<double> measured) {
  const std::string time = absl::StrFormat("from %g s to %g s", Seconds(share.from), Seconds(share.to));
  if (!measured) return absl::StrCat("no attempts ", time);
  return absl::StrFormat("%s: %.1f %% of the attempts %s", share.of, 100 * *measured, time);
}

/// What only some scenarios have.
std::vector<std::string> Besides(const Result& result) {
  const Measures& measures = result.measures;
  std::vector<std::string> texts;
  if (HasLosses(result.scenario)) texts.push_back(LossesText(measures.losses));
  for (size_t i = 0; i < measures.shares.size(); ++i) texts.push_back(ShareText(result.scenario.shares[i], measures.shares[i]));
  if (measures.storm) {
    texts.push_back(
        absl::StrFormat("%.3f attempts a call from the fault until as long after the healing", measures.storm->per_call()));
  }
  return texts;
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
  return {{"asked", losses.asked},
          {"expected", losses.expected},
          {"lost", losses.lost},
          {"doubled", losses.doubled},
          {"created_though_said_to_have_failed", losses.created_unknown},
          {"broken_off", losses.broken_off}};
}

nlohmann::json Json(const Attempts& attempts) {
  return {{"calls_of_all_callers", attempts.calls},
          {"attempts_at_the_servers", attempts.attempts},
          {"attempts_per_call", attempts.per_call()}};
}

nlohmann::json Json(const Timeline& timeline) {
  nlohmann::json json = {{"fault_s", Seconds(timeline.fault)},
                         {"healed_s", nullptr},
                         {"end_s", Seconds(timeline.end)},
                         {"latest_step_after_its_time_s", Seconds(timeline.late)}};
  if (timeline.healed) json["healed_s"] = Seconds(*timeline.healed);
  return json;
}

nlohmann::json Json(const Share& share, std::optional<double> measured) {
  nlohmann::json json = {{"of", share.of}, {"pods", share.pods}, {"from_s", Seconds(share.from)}, {"to_s", Seconds(share.to)}};
  json["share_of_the_attempts"] = measured ? nlohmann::json(*measured) : nlohmann::json(nullptr);
  return json;
}

nlohmann::json Json(const Result& result) {
  const Measures& measures = result.measures;
  nlohmann::json seconds = nlohmann::json::array();
  for (const Figures& second : measures.seconds) seconds.push_back(Json(second));
  nlohmann::json errors = nlohmann::json::object();
  for (const auto& [code, count] : measures.errors) errors[absl::StatusCodeToString(code)] = count;
  nlohmann::json json = {{"way", std::string(WayName(result.way))},
                         {"timeline", Json(measures.timeline)},
                         {"all", Json(measures.all)},
                         {"healthy", Json(measures.healthy)},
                         {"since_the_fault", Json(measures.since_fault)},
                         {"from_one_second_later_to_the_healing", Json(measures.during)},
                         {"after_the_healing", Json(measures.after)},
                         {"errors", errors},
                         {"attempts", Json(measures.attempts)},
                         {"recovered_after_s", nullptr},
                         {"latest_end_after_its_deadline_ms", Milliseconds(measures.overrun)},
                         {"the_same_without_what_the_machine_stood_still_ms", Milliseconds(measures.late)},
                         {"machine_stood_still_ms", Milliseconds(measures.stall)},
                         {"missed_bars", result.missed},
                         {"seconds", std::move(seconds)}};
  if (measures.recovered) json["recovered_after_s"] = measures.recovered->count();
  if (measures.storm) json["attempts_from_the_fault_until_as_long_after_the_healing"] = Json(*measures.storm);
  for (size_t i = 0; i < measures.shares.size(); ++i) {
    json["shares"].push_back(Json(result.scenario.shares[i], measures.shares[i]));
  }
  if (HasLosses(result.scenario)) json["losses"] = Json(measures.losses);
  return json;
}

std::string MarkdownHead() {
  return "| way | failed of | succeeded | 1 s after the fault | after the healing | p99 healthy | p50 | p99 | p99.9 | p99 1 s "
         "after the "
         "fault | p99 after the healing | late | attempts a call | recovered | besides |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
}

std::string PercentText(const Figures& figures) {
  const std::string text = SuccessText(figures);
  return text.empty() ? "" : text + " %";
}

std::string MarkdownLine(const Result& result) {
  if (result.skipped) return absl::StrCat("**Skipped:** ", *result.skipped, "\n");
  const Measures& measures = result.measures;
  const Figures& since = measures.since_fault;
  std::string text = absl::StrFormat(
      "| %s | %d of %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %.3f | %s | %s |\n", std::string(WayName(result.way)),
      measures.all.failed, measures.all.calls, PercentText(measures.all), PercentText(measures.during),
      PercentText(measures.after), P99Text(measures.healthy), MillisecondsText(since.p50), MillisecondsText(since.p99),
      MillisecondsText(since.p999), P99Text(measures.during), P99Text(measures.after), OverrunText(measures),
      measures.attempts.per_call(), RecoveryText(result), absl::StrJoin(Besides(result), "; "));
  for (const std::string& missed : result.missed) absl::StrAppend(&text, "\n**Missed:** ", missed, "\n");
  return text;
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
  return absl::StrFormat("%-16s %-10s %6s %6s %8s %8s %8s %7s %7s %7s %7s %8s %6s %7s\n", "scenario", "way", "calls", "failed",
                         "succ. %", "after 1s", "healed %", "healthy", "p50 ms", "p99 ms", "p99.9", "att/call", "recov.",
                         "late ms");
}

std::string TableLine(const Result& result) {
  if (result.skipped) return absl::StrFormat("%-16s skipped: %s\n", result.scenario.name, *result.skipped);
  const Measures& measures = result.measures;
  std::string text = absl::StrFormat("%-16s %-10s %6d %6d %8s %8s %8s %7s %7s %7s %7s %8.3f %6s %7s\n", result.scenario.name,
                                     std::string(WayName(result.way)), measures.all.calls, measures.all.failed,
                                     SuccessText(measures.all), SuccessText(measures.during), SuccessText(measures.after),
                                     P99Text(measures.healthy), MillisecondsText(measures.since_fault.p50),
                                     MillisecondsText(measures.since_fault.p99), MillisecondsText(measures.since_fault.p999),
                                     measures.attempts.per_call(), RecoveryText(result), OverrunText(measures));
  if (const std::string errors = ErrorsText(result); !errors.empty()) absl::StrAppend(&text, "    ", errors, "\n");
  for (const std::string& besides : Besides(result)) absl::StrAppend(&text, "    ", besides, "\n");
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
    if (scenario != result.scenario.name) {
      scenario = result.scenario.name;
      absl::StrAppend(&text, "\n### ", scenario, "\n\n", result.scenario.about, " (", ScriptText(result.scenario), ")\n\n");
      if (!result.skipped) absl::StrAppend(&text, MarkdownHead());
    }
    absl::StrAppend(&text, MarkdownLine(result));
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
                           {"ways", nlohmann::json::array()}});
    }
    if (result.skipped) {
      scenarios.back()["skipped"] = *result.skipped;
    } else {
      scenarios.back()["ways"].push_back(Json(result));
    }
  }
  return nlohmann::json({{"machine", Machine()}, {"scenarios", std::move(scenarios)}}).dump(1) + "\n";
}

}  // namespace userclient::chaos
