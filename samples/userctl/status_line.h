#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace userctl {

/// A line on standard error that tells how things are: written over again on a terminal, elsewhere one line after the other. Not
/// thread-safe.
class StatusLine {
 public:
  enum class Style {
    kNone,
    kLines,
    kRewritten,
  };
  /// Rewritten for a person at a terminal, lines elsewhere.
  static Style StyleOfStandardError();

  /// `every`: how long what was shown stays.
  StatusLine(Style style, std::chrono::nanoseconds every);
  /// Takes the line away.
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  Style style() const { return style_; }

  /// Whether it is time to show something again.
  bool due() const;

  /// Shows a printable text. On a terminal it is cut where the terminal ends.
  void Show(std::string_view text);

  /// Writes a line that stays; what is shown makes room for it. Nothing with kNone.
  void Tell(std::string_view line);

  /// Takes the line away until the next Show, for what others write.
  void Hide();

 private:
  const Style style_;
  const std::chrono::nanoseconds every_;
  std::chrono::steady_clock::time_point shown_at_;
  bool visible_ = false;
};

}  // namespace userctl
