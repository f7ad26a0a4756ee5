#include "comparison.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace demo {
namespace {

std::string Row(const std::string& label, const std::string& plain_stub, const std::string& userclient) {
  return absl::StrFormat("    %-36s %16s %16s\n", label, plain_stub, userclient);
}

std::string Count(int64_t count) { return absl::StrCat(count); }

std::string Share(int64_t part, int64_t whole) {
  return absl::StrFormat("%d (%.2f %%)", part, whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string Milliseconds(std::chrono::nanoseconds duration) {
  return absl::StrFormat("%.1f ms", std::chrono::duration<double, std::milli>(duration).count());
}

template <typename Key>
int64_t CountOf(const std::map<Key, int64_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

/// The most frequent first, one a line.
std::string Errors(const std::map<std::string, int64_t>& errors) {
  if (errors.empty()) return "             no error\n";
  std::vector<std::pair<std::string, int64_t>> sorted(errors.begin(), errors.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [error, count] : sorted) absl::StrAppendFormat(&text, "        %6d x %s\n", count, error);
  return text;
}

}  // namespace

std::string Table(const Comparison& comparison, const std::vector<Server>& servers) {
  const Tally& plain = comparison.plain_stub;
  const Tally& client = comparison.userclient;
  std::string text = Row("", "plain stub", "userclient");
  text += Row("calls", Count(plain.calls), Count(client.calls));
  text += Row("  succeeded", Share(plain.calls - plain.failed, plain.calls), Share(client.calls - client.failed, client.calls));
  text += Row("  failed", Count(plain.failed), Count(client.failed));
  text += Row("attempts sent", Count(plain.attempts), Count(client.attempts));
  text += Row("  of these retries", Count(plain.retries()), Count(client.retries()));
  for (const Server& server : servers) {
    text += Row(absl::StrCat("answers from ", server.name()), Count(CountOf(plain.answered_by, server.name())),
                Count(CountOf(client.answered_by, server.name())));
  }
  text += Row("half of the calls took at most", Milliseconds(plain.Percentile(0.5)), Milliseconds(client.Percentile(0.5)));
  text += Row("99 of 100 took at most", Milliseconds(plain.Percentile(0.99)), Milliseconds(client.Percentile(0.99)));
  text += Row("the slowest took", Milliseconds(plain.Percentile(1)), Milliseconds(client.Percentile(1)));
  return text;
}

std::string CallErrors(const Comparison& comparison) {
  return absl::StrCat("    the callers of the plain stub saw:\n", Errors(comparison.plain_stub.call_errors),
                      "    the callers of userclient saw:\n", Errors(comparison.userclient.call_errors));
}

std::string Summary(const Comparison& comparison) {
  const Tally& plain = comparison.plain_stub;
  const Tally& client = comparison.userclient;
  std::string text = absl::StrFormat("    of %d calls, the plain stub failed %d, userclient failed %d.\n\n", client.calls,
                                     plain.failed, client.failed);
  absl::StrAppendFormat(&text, "    plain stub: every attempt that fails is a failed call.\n%s", Errors(plain.call_errors));
  absl::StrAppendFormat(
      &text, "    userclient: met the same trouble and sent %d retries; %d calls that had failed at first got their answer.\n%s",
      client.retries(), client.rescued, Errors(client.attempt_errors));
  if (client.failed > 0)
    absl::StrAppendFormat(&text, "    userclient gave up on %d:\n%s", client.failed, Errors(client.call_errors));
  absl::StrAppendFormat(&text, "    the price: %.1f %% more attempts, and the calls that needed them took longer.\n",
                        100.0 * static_cast<double>(client.retries()) / static_cast<double>(std::max<int64_t>(client.calls, 1)));
  return text;
}

absl::StatusOr<std::string> CheckAgainstServers(const Comparison& comparison, const std::vector<Server>& servers) {
  Tally both = comparison.plain_stub;
  both.Add(comparison.userclient);
  // gRPC tells the peer of an attempt with the answer: of one that was never answered nobody knows where it went, or whether it
  // did.
  int64_t unknown = both.attempts;
  for (const Server& server : servers) unknown -= CountOf(both.attempts_at, server.peer());

  std::vector<std::string> counts;
  int64_t total = 0;
  bool all_there = true;
  for (const Server& server : servers) {
    const absl::StatusOr<int64_t> counted = server.CountAttempts();
    if (absl::IsUnavailable(counted.status())) {
      all_there = false;
      counts.push_back(absl::StrCat(server.name(), " is gone"));
      continue;
    }
    if (!counted.ok()) return counted.status();
    const int64_t sent = CountOf(both.attempts_at, server.peer());
    if (*counted > sent + unknown || *counted < sent - both.attempts_timed_out) {
      return absl::DataLossError(
          absl::StrCat(server.name(), " has counted ", *counted, " attempts, but the callers say they sent ", sent,
                       unknown == 0 ? "" : absl::StrCat(" there and ", unknown, " that were never answered")));
    }
    total += *counted;
    counts.push_back(absl::StrCat(server.name(), " ", *counted));
  }
  if (total > both.attempts || (all_there && total < both.attempts - both.attempts_timed_out)) {
    return absl::DataLossError(
        absl::StrCat("the servers have counted ", total, " attempts, but the callers say they sent ", both.attempts));
  }
  std::string text = absl::StrCat("    the servers' own count: ", absl::StrJoin(counts, ", "));
  if (all_there) absl::StrAppend(&text, "; together ", total, " of the ", both.attempts, " attempts sent");
  return absl::StrCat(text, "\n");
}

}  // namespace demo
