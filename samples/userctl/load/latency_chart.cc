#include "latency_chart.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "userctl/duration.h"

namespace userctl {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kFirstLimit = std::chrono::microseconds(1);
constexpr std::array<int, 3> kSteps = {1, 2, 5};
constexpr char kHeader[] = "     up to       calls  ";
constexpr size_t kNarrowestBar = 10;

/// So many characters of a bar; none only for 0 calls.
size_t Length(int64_t calls, int64_t most, size_t longest) {
  if (calls == 0) return 0;
  const double share = static_cast<double>(calls) / static_cast<double>(most);
  return std::max<size_t>(1, static_cast<size_t>(std::llround(share * static_cast<double>(longest))));
}

}  // namespace

std::vector<LatencyBar> LatencyBars(const LatencyHistogram& ok, const LatencyHistogram& failed) {
  std::vector<LatencyBar> bars;
  const int64_t total = ok.count() + failed.count();
  int64_t ok_before = 0;
  int64_t failed_before = 0;
  for (nanoseconds decade = kFirstLimit; ok_before + failed_before < total; decade *= 10) {
    for (const int step : kSteps) {
      const LatencyBar bar = {.limit = decade * step,
                              .ok = ok.CountUpTo(decade * step) - ok_before,
                              .failed = failed.CountUpTo(decade * step) - failed_before};
      ok_before += bar.ok;
      failed_before += bar.failed;
      const bool is_empty = bar.ok + bar.failed == 0;
      const bool is_between = !bars.empty() && ok_before + failed_before < total;
      if (!is_empty || is_between) bars.push_back(bar);
    }
  }
  return bars;
}

std::string DrawLatencies(const std::vector<LatencyBar>& bars, size_t width) {
  if (bars.empty()) return "";
  int64_t most = 1;
  for (const LatencyBar& bar : bars) most = std::max(most, bar.ok + bar.failed);
  const size_t head = std::string_view(kHeader).size();
  // Two parts that are rounded up may be one longer than the whole.
  const size_t longest = std::max(width, head + kNarrowestBar + 1) - head - 1;

  std::string text = absl::StrCat(std::string_view(kHeader).data(), "# OK, x failed\n");
  for (const LatencyBar& bar : bars) {
    std::string line = absl::StrFormat("%10s  %10d  ", DurationText(bar.limit), bar.ok + bar.failed);
    line.append(Length(bar.ok, most, longest), '#');
    line.append(Length(bar.failed, most, longest), 'x');
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string LatencyText(nanoseconds latency) {
  int64_t rounding = 1;
  while (latency.count() / rounding >= 1000) rounding *= 10;
  return DurationText(nanoseconds((latency.count() + rounding / 2) / rounding * rounding));
}

}  // namespace userctl
