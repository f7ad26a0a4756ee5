#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace userctl {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLineEvery(1);
constexpr std::chrono::milliseconds kBarEvery(100);
constexpr int64_t kBarWidth = 30;

/// In one piece, so that what other threads tell meanwhile does not come between.
void Write(const std::string& text) { std::cerr << text << std::flush; }

}  // namespace

Progress::Style Progress::StyleOfStandardError() {
  const char* const terminal = std::getenv("TERM");
  const bool can_move_back = terminal == nullptr || std::string_view(terminal) != "dumb";
  return isatty(STDERR_FILENO) == 1 && can_move_back ? Style::kBar : Style::kLines;
}

Progress::Progress(Style style, std::string what, std::optional<int64_t> total)
    : style_(style), what_(std::move(what)), total_(total), began_(steady_clock::now()), told_(began_) {}

Progress::~Progress() { Hide(); }

void Progress::Update(int64_t done, int64_t failed) {
  if (style_ == Style::kNone) return;
  const steady_clock::time_point now = steady_clock::now();
  const bool due = now - told_ >= (style_ == Style::kBar ? steady_clock::duration(kBarEvery) : kLineEvery);
  const bool first_bar = style_ == Style::kBar && !shown_;
  if (!due && !first_bar) return;
  told_ = now;
  if (style_ == Style::kLines) return Write(Line(done, failed) + "\n");
  shown_ = true;
  Write("\r" + Bar(done, failed) + "\x1b[K");
}

void Progress::Tell(std::string_view line) {
  Hide();
  Write(std::string(line) + "\n");
}

void Progress::Hide() {
  if (std::exchange(shown_, false)) Write("\r\x1b[K");
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
