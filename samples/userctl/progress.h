#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "status_line.h"

namespace userctl {

/// Tells on standard error how far a long command is: as a bar on a terminal, else as a line every now and then.
class Progress {
 public:
  /// `what`: how a line begins. `total`: absent if nobody knows.
  Progress(StatusLine::Style style, std::string what, std::optional<int64_t> total);

  void Update(int64_t done, int64_t failed);

  /// Writes a line on standard error; the bar makes room for it.
  void Tell(std::string_view line) { line_.Tell(line); }

  /// Takes the bar away until the next Update, for what others write.
  void Hide() { line_.Hide(); }

 private:
  std::string Line(int64_t done, int64_t failed) const;
  std::string Bar(int64_t done, int64_t failed) const;

  const std::string what_;
  const std::optional<int64_t> total_;
  const std::chrono::steady_clock::time_point began_;
  StatusLine line_;
};

}  // namespace userctl
