// What userctl makes of a server's words: nothing that a terminal obeys, and nothing left out.

#include <algorithm>
#include <string>
#include <string_view>

#include "samples/userctl/json_line.h"
#include "samples/userctl/printable.h"
#include "samples/userctl/text_table.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/text_promises.h"

namespace userclient::fuzz {
namespace {

/// Without what a table may change: blanks and line breaks.
std::string Ink(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

void FeedTable(const std::string& cell) {
  const std::string narrow = [&] {
    userctl::TextTable table;
    table.Add({cell, ""});
    return table.ToText(20);
  }();
  Require(Ink(narrow) == Ink(cell), "a table shows the whole of a cell", narrow);
}

}  // namespace

void Feed(std::string_view bytes) {
  const std::string printable = userctl::Printable(bytes);
  if (!bytes.empty()) RequireReadable(printable);
  Require(printable.find('\n') == std::string::npos, "one line stays one line", printable);
  Require(userctl::Printable(printable) == printable, "what is printable stays as it is", printable);
  Require(userctl::Width(printable) <= printable.size(), "no character is wider than its bytes", printable);
  // The mark for a place that must not be broken is the table's own.
  if (printable.find(userctl::TextTable::kNoBreak) == std::string::npos) FeedTable(printable);

  const std::string json = userctl::JsonLine(nlohmann::ordered_json(std::string(bytes)));
  Require(std::all_of(json.begin(), json.end(), [](unsigned char c) { return c >= 0x20 && c <= 0x7e; }),
          "a line of JSON is printable ASCII", json);
  Require(nlohmann::json::accept(json), "a line of JSON is JSON", json);
}

}  // namespace userclient::fuzz
