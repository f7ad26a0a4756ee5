#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace userctl {

/// Rows of cells in aligned columns.
class TextTable {
 public:
  using Row = std::vector<std::string>;

  static constexpr char kNoBreak[] = "\u00a0";

  /// All rows must have the same number of cells. A cell is printable (printable.h) but for newlines, which stay. Words that
  /// kNoBreak joins stay together; it is written as a space.
  void Add(Row row);

  /// Lines of at most `width` characters, each with its newline: where they would be longer, the widest columns are wrapped
  /// between words. No word is ever cut, so very long ones make a line longer.
  std::string ToText(size_t width) const;

 private:
  std::vector<size_t> WidthsWithin(size_t width) const;

  std::vector<Row> rows_;
};

}  // namespace userctl
