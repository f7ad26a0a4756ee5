#include "status_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <utility>

namespace userctl {
namespace {

using std::chrono::steady_clock;

/// In one piece, so that what other threads tell meanwhile does not come between.
void Write(const std::string& text) { std::cerr << text << std::flush; }

/// As much of a text as a line of the terminal holds: a longer one would leave its beginning behind when it is written over.
std::string_view FittingTerminal(std::string_view text) {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || text.size() < size.ws_col) return text;
  size_t end = size.ws_col - 1U;
  const auto is_inside_character = [&] { return (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U; };
  while (end > 0 && is_inside_character()) --end;
  return text.substr(0, end);
}

}  // namespace

StatusLine::Style StatusLine::StyleOfStandardError() {
  const char* const terminal = std::getenv("TERM");
  const bool can_move_back = terminal == nullptr || std::string_view(terminal) != "dumb";
  return isatty(STDERR_FILENO) == 1 && can_move_back ? Style::kRewritten : Style::kLines;
}

StatusLine::StatusLine(Style style, std::chrono::nanoseconds every)
    : style_(style), every_(every), shown_at_(steady_clock::now()) {}

StatusLine::~StatusLine() { Hide(); }

bool StatusLine::due() const {
  if (style_ == Style::kNone) return false;
  const bool is_first = style_ == Style::kRewritten && !visible_;
  return is_first || steady_clock::now() - shown_at_ >= every_;
}

void StatusLine::Show(std::string_view text) {
  if (style_ == Style::kNone) return;
  shown_at_ = steady_clock::now();
  if (style_ == Style::kLines) return Write(std::string(text) + "\n");
  visible_ = true;
  Write("\r" + std::string(FittingTerminal(text)) + "\x1b[K");
}

void StatusLine::Tell(std::string_view line) {
  Hide();
  if (style_ != Style::kNone) Write(std::string(line) + "\n");
}

void StatusLine::Hide() {
  if (std::exchange(visible_, false)) Write("\r\x1b[K");
}

}  // namespace userctl
