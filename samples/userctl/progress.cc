#include "progress.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace userctl {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLineEvery(1);
constexpr std::chrono::milliseconds kBarEvery(100);
constexpr int64_t kBarWidth = 30;

}  // namespace

Progress::Progress(StatusLine::Style style, std::string what, std::optional<int64_t> total)
    : what_(std::move(what)),
      total_(total),
      began_(steady_clock::now()),
      line_(style, style == StatusLine::Style::kRewritten ? std::chrono::nanoseconds(kBarEvery) : kLineEvery) {}

void Progress::Update(int64_t done, int64_t failed) {
  if (!line_.due()) return;
  line_.Show(line_.style() == StatusLine::Style::kRewritten ? Bar(done, failed) : Line(done, failed));
}

std::string Progress::Line(int64_t done, int64_t failed) const {
  std::string line = absl::StrCat(what_, ": ", done);
  if (total_) absl::StrAppend(&line, " of ", *total_);
  if (failed > 0) absl::StrAppend(&line, ", ", failed, " failed");
  return line;
}

std::string Progress::Bar(int64_t done, int64_t failed) const {
  const auto seconds = std::chrono::duration<double>(steady_clock::now() - began_).count();
  std::string bar = what_;
  if (total_ && *total_ > 0) {
    const int64_t percent = done * 100 / *total_;
    const auto filled = static_cast<size_t>(std::clamp<int64_t>(done * kBarWidth / *total_, 0, kBarWidth));
    absl::StrAppend(&bar, " [", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), "] ", percent, " %");
  }
  absl::StrAppend(&bar, " ", done);
  if (failed > 0) absl::StrAppend(&bar, ", ", failed, " failed");
  if (seconds > 0) absl::StrAppend(&bar, ", ", static_cast<int64_t>(static_cast<double>(done) / seconds), "/s");
  return bar;
}

}  // namespace userctl
