#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "latency_chart.h"
#include "load_result.h"
#include "userctl/duration.h"
#include "userctl/printable.h"
#include "userctl/text_table.h"

namespace userctl {
namespace {

using userclient::AnswerSource;
using userclient::AttemptReason;

double Seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

std::string Percent(int64_t part, int64_t whole) {
  return absl::StrFormat("%.4g %%", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

/// "3 retries", "1 retry"
std::string Count(int64_t count, std::string_view one, std::string_view many) {
  return absl::StrCat(count, " ", std::string(count == 1 ? one : many));
}

/// A cell that is not wrapped.
std::string Cell(const std::string& text) { return absl::StrReplaceAll(text, {{" ", TextTable::kNoBreak}}); }

std::string Headline(const LoadResult& result) {
  const LoadTally& tally = result.tally;
  std::string text =
      absl::StrCat(Count(tally.calls, "call", "calls"), " (", result.plan.mix.ToText(), ") of ", Printable(result.target),
                   absl::StrFormat(" in %.1f s: %.4g calls/s", Seconds(result.elapsed), result.calls_per_second()));
  absl::StrAppend(&text, "\n", tally.ok(), " OK, ", tally.failed, " failed");
  const bool while_warming_up = result.plan.warm_up && result.interrupted && tally.calls + tally.cut_off == 0;
  if (tally.failed > 0) absl::StrAppend(&text, " (", Percent(tally.failed, tally.calls), ")");
  if (result.interrupted) {
    absl::StrAppend(&text, "; interrupted", while_warming_up ? " while it warmed up" : "");
    if (tally.cut_off > 0)
      absl::StrAppend(&text, ", which cut off ", Count(tally.cut_off, "call", "calls"), " that are not counted");
  }
  text += "\n";
  if (result.plan.warm_up && !while_warming_up) {
    absl::StrAppend(&text, "after a warm-up of ", DurationText(*result.plan.warm_up), ", which is not counted\n");
  }
  return text;
}

std::string Codes(const LoadTally& tally, size_t width) {
  TextTable table;
  table.Add({"STATUS", "CALLS", "SHARE", "THE FIRST ONE SAYS"});
  for (const auto& [code, count] : tally.codes) {
    table.Add({Cell(absl::StatusCodeToString(code)), std::to_string(count.calls), Cell(Percent(count.calls, tally.calls)),
               Printable(count.message)});
  }
  return table.ToText(width);
}

std::string Kinds(const LoadTally& tally, size_t width) {
  TextTable table;
  table.Add({"CALL", "CALLS", "FAILED"});
  for (const auto& [kind, count] : tally.kinds) {
    table.Add({std::string(CallKindName(kind)), std::to_string(count.calls), std::to_string(count.failed)});
  }
  return table.ToText(width);
}

std::string Rejections(const LoadTally& tally) {
  if (tally.rejections.empty()) return "";
  const std::string list = absl::StrJoin(tally.rejections, ", ", [](std::string* text, const auto& entry) {
    absl::StrAppend(text, std::string(userclient::RejectionName(entry.first)), " ", entry.second);
  });
  return absl::StrCat("refused by the client itself, nothing sent: ", list, "\n");
}

/// "18 retries, 2 hedges"
std::string FurtherAttempts(const LoadTally& tally) {
  return absl::StrJoin(tally.further_attempts, ", ", [](std::string* text, const auto& entry) {
    switch (entry.first) {
      case AttemptReason::kRetry:
        return absl::StrAppend(text, Count(entry.second, "retry", "retries"));
      case AttemptReason::kPushback:
        return absl::StrAppend(text, Count(entry.second, "retry", "retries"), " when the server said");
      case AttemptReason::kHedge:
        return absl::StrAppend(text, Count(entry.second, "hedge", "hedges"));
      case AttemptReason::kFreshToken:
        return absl::StrAppend(text, entry.second, " with a fresh token");
      case AttemptReason::kFirst:
      case AttemptReason::kResume:
        break;
    }
    absl::StrAppend(text, entry.second, " ", std::string(userclient::AttemptReasonName(entry.first)));
  });
}

std::string Attempts(const LoadTally& tally) {
  if (tally.attempts == 0) return "";
  std::string text = absl::StrCat("attempts: ", tally.attempts);
  if (!tally.further_attempts.empty()) {
    absl::StrAppend(&text, ", of which ", FurtherAttempts(tally), "\n  attempts of a call: ",
                    absl::StrJoin(tally.attempts_of_calls, ", ", [](std::string* list, const auto& entry) {
                      absl::StrAppend(list, entry.first, " in ", Count(entry.second, "call", "calls"));
                    }));
  }
  absl::StrAppend(&text, "\n");
  if (tally.rescued > 0) {
    absl::StrAppend(&text, "  ", Count(tally.rescued, "call is", "calls are"), " OK though an attempt failed\n");
  }
  return text;
}

std::string Substitutes(const LoadTally& tally) {
  std::string text;
  for (const auto& [source, calls] : tally.substitutes) {
    switch (source) {
      case AnswerSource::kShared:
        absl::StrAppend(&text, Count(calls, "answer", "answers"), " shared with another call\n");
        break;
      case AnswerSource::kStale:
        absl::StrAppend(&text, Count(calls, "answer", "answers"), " from the cache, because the call failed\n");
        break;
      case AnswerSource::kFallback:
        absl::StrAppend(&text, Count(calls, "answer", "answers"), " by the fallback, because the call failed\n");
        break;
      case AnswerSource::kServer:
        break;
    }
  }
  return text;
}

std::string Servers(const LoadTally& tally, size_t width) {
  if (tally.servers.empty()) return "";
  TextTable table;
  table.Add({"SERVER", "ATTEMPTS", "FAILED"});
  for (const auto& [peer, server] : tally.servers) {
    table.Add(
        {Cell(peer.empty() ? "not known" : Printable(peer)), std::to_string(server.attempts), std::to_string(server.failed)});
  }
  return table.ToText(width);
}

std::string Circuits(const LoadResult& result) {
  std::string text;
  for (const auto& [compartment, state] : result.circuits) {
    absl::StrAppend(&text, "breaker of ", Printable(compartment), ": ", std::string(userclient::CircuitStateName(state)), "\n");
    for (const CircuitLog::Entry& entry : result.transitions) {
      if (entry.compartment != compartment) continue;
      absl::StrAppend(&text,
                      absl::StrFormat("  %6.1f s  %s\n", Seconds(entry.at - result.began), TransitionText(entry.transition)));
    }
  }
  return text;
}

/// What was late, and why, so that nobody takes this machine's slowness for the server's.
std::string LateStarts(const LoadResult& result) {
  const LoadTally& tally = result.tally;
  std::string text;
  if (tally.waited_for_room > 0) {
    absl::StrAppend(&text, tally.waited_for_room, " times a call that was due waited, because ", result.plan.max_in_flight,
                    " were under way (--max-in-flight); the latest began ", LatencyText(tally.start_delay.latest()), " late\n");
  }
  if (result.plan.rate && tally.start_delay.machine_is_too_slow()) {
    absl::StrAppend(&text, "this machine could not keep the rate: calls for which there was room began up to ",
                    LatencyText(tally.start_delay.latest_by_machine()),
                    " late; latency counts from when they were due, so that this is in it and is not the server's doing\n");
  }
  if (result.never_begun > 0) {
    absl::StrAppend(&text, Count(result.never_begun, "call that was due", "calls that were due"), " never began, and ",
                    result.never_begun == 1 ? "is" : "are", " not counted\n");
  }
  return text;
}

TextTable::Row LatencyRow(const std::string& name, const LatencyHistogram& latency) {
  TextTable::Row row = {name, LatencyText(latency.min()), LatencyText(latency.mean())};
  for (const double share : {0.5, 0.9, 0.95, 0.99, 0.999}) row.push_back(LatencyText(latency.Percentile(share)));
  row.push_back(LatencyText(latency.max()));
  for (std::string& cell : row) cell = Cell(cell);
  return row;
}

/// A line for the calls that are OK, and one for those that failed. Where they are too long for the terminal, a column for each.
std::string LatencyTable(const std::vector<TextTable::Row>& rows, size_t width) {
  TextTable table;
  for (const TextTable::Row& row : rows) table.Add(row);
  std::string text = table.ToText(width);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  const bool fits = std::all_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.size() <= width; });
  if (fits) return text;

  TextTable upright;
  for (size_t i = 0; i < rows[0].size(); ++i) {
    TextTable::Row line;
    for (const TextTable::Row& row : rows) line.push_back(row[i]);
    upright.Add(std::move(line));
  }
  return upright.ToText(width);
}

std::string Latencies(const LoadResult& result, size_t width) {
  const LoadTally& tally = result.tally;
  if (tally.ok_latency.count() + tally.failed_latency.count() == 0) return "";
  std::vector<TextTable::Row> rows = {{"LATENCY", "MIN", "MEAN", "P50", "P90", "P95", "P99", "P99.9", "MAX"}};
  if (tally.ok_latency.count() > 0) rows.push_back(LatencyRow("OK", tally.ok_latency));
  if (tally.failed_latency.count() > 0) rows.push_back(LatencyRow("failed", tally.failed_latency));
  return absl::StrCat(LatencyTable(rows, width), "\n", DrawLatencies(LatencyBars(tally.ok_latency, tally.failed_latency), width));
}

std::string Examples(const LoadTally& tally) {
  std::string text;
  for (const auto& [code, count] : tally.codes) {
    if (code == absl::StatusCode::kOk) continue;
    absl::StrAppend(&text, "\nthe first ", absl::StatusCodeToString(code), ": ", userclient::Explain(Printable(count.report)),
                    "\n");
  }
  if (tally.slowest) absl::StrAppend(&text, "\nthe slowest: ", userclient::Explain(Printable(*tally.slowest)), "\n");
  return text;
}

}  // namespace

double LoadResult::calls_per_second() const {
  return elapsed > std::chrono::nanoseconds::zero() ? static_cast<double>(tally.calls) / Seconds(elapsed) : 0;
}

std::string LoadText(const LoadResult& result, size_t width, bool verbose) {
  const LoadTally& tally = result.tally;
  std::string text = Headline(result);
  const auto add = [&text](const std::string& paragraph) {
    if (!paragraph.empty()) absl::StrAppend(&text, "\n", paragraph);
  };
  if (tally.calls > 0) add(Codes(tally, width));
  if (tally.kinds.size() > 1) add(Kinds(tally, width));
  add(absl::StrCat(Rejections(tally), Attempts(tally), Substitutes(tally), LateStarts(result)));
  add(Servers(tally, width));
  add(Circuits(result));
  add(Latencies(result, width));
  if (verbose) absl::StrAppend(&text, Examples(tally));
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

}  // namespace userctl
