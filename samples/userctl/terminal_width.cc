#include "terminal_width.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "absl/strings/numbers.h"

namespace userctl {
namespace {

constexpr size_t kUsual = 100;
constexpr size_t kWidest = 120;

std::optional<size_t> FromEnvironment() {
  const char* const columns = std::getenv("COLUMNS");
  size_t width = 0;
  if (columns == nullptr || !absl::SimpleAtoi(columns, &width) || width == 0) return std::nullopt;
  return width;
}

std::optional<size_t> FromTerminal() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

}  // namespace

size_t TerminalWidth(size_t narrowest) {
  std::optional<size_t> width = FromEnvironment();
  if (!width) width = FromTerminal();
  return std::clamp(width.value_or(kUsual), narrowest, kWidest);
}

}  // namespace userctl
