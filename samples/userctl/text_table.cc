#include "text_table.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "printable.h"

namespace userctl {
namespace {

constexpr size_t kGap = 2;

std::vector<std::string> Parts(const std::string& text, char delimiter) { return absl::StrSplit(text, delimiter); }

size_t WidestPart(const std::string& text, char delimiter) {
  size_t widest = 0;
  for (const std::string& part : Parts(text, delimiter)) widest = std::max(widest, Width(part));
  return widest;
}

size_t WidestWord(const std::string& text) {
  size_t widest = 0;
  for (const std::string& line : Parts(text, '\n')) widest = std::max(widest, WidestPart(line, ' '));
  return widest;
}

std::vector<std::string> Wrapped(const std::string& text, size_t width) {
  std::vector<std::string> wrapped;
  for (const std::string& line : Parts(text, '\n')) {
    std::string& begun = wrapped.emplace_back();
    std::string* last = &begun;
    for (const std::string& word : Parts(line, ' ')) {
      if (last->empty()) {
        *last = word;
      } else if (Width(*last) + 1 + Width(word) <= width) {
        *last += " " + word;
      } else {
        last = &wrapped.emplace_back(word);
      }
    }
  }
  return wrapped;
}

void AppendRow(const TextTable::Row& row, const std::vector<size_t>& widths, std::string& text) {
  std::vector<std::vector<std::string>> cells;
  size_t height = 0;
  for (size_t column = 0; column < row.size(); ++column) {
    cells.push_back(Wrapped(row[column], widths[column]));
    height = std::max(height, cells.back().size());
  }
  for (size_t i = 0; i < height; ++i) {
    std::string line;
    size_t begin = 0;
    for (size_t column = 0; column < row.size(); ++column) {
      if (i < cells[column].size() && !cells[column][i].empty()) {
        line.append(begin - Width(line), ' ');
        line += cells[column][i];
      }
      begin += widths[column] + kGap;
    }
    text += line + "\n";
  }
}

}  // namespace

void TextTable::Add(Row row) { rows_.push_back(std::move(row)); }

std::string TextTable::ToText(size_t width) const {
  const std::vector<size_t> widths = WidthsWithin(width);
  std::string text;
  for (const Row& row : rows_) AppendRow(row, widths, text);
  return absl::StrReplaceAll(text, {{kNoBreak, " "}});
}

std::vector<size_t> TextTable::WidthsWithin(size_t width) const {
  const size_t columns = rows_.empty() ? 0 : rows_.front().size();
  std::vector<size_t> widths(columns);
  std::vector<size_t> least(columns);
  for (const Row& row : rows_) {
    for (size_t column = 0; column < columns; ++column) {
      widths[column] = std::max(widths[column], WidestPart(row[column], '\n'));
      least[column] = std::max(least[column], WidestWord(row[column]));
    }
  }
  const auto total = [&] { return std::accumulate(widths.begin(), widths.end(), kGap * (std::max<size_t>(columns, 1) - 1)); };
  while (total() > width) {
    size_t widest = columns;
    for (size_t column = 0; column < columns; ++column) {
      const bool shrinks = widths[column] > least[column];
      if (shrinks && (widest == columns || widths[column] > widths[widest])) widest = column;
    }
    if (widest == columns) break;
    --widths[widest];
  }
  return widths;
}

}  // namespace userctl
