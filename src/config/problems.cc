#include "config/problems.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/text.h"

namespace userclient::internal {
namespace {

// Counted on, but no longer printed.
constexpr size_t kMostLines = 100;
constexpr size_t kLongestQuote = 60;
constexpr char kDelete = '\x7f';

bool IsPlainKeyCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '$';
}

bool IsPlainKey(std::string_view key) {
  return !key.empty() && key.size() <= kLongestQuote && std::all_of(key.begin(), key.end(), IsPlainKeyCharacter);
}

}  // namespace

Path Path::Key(std::string_view key) const {
  if (!IsPlainKey(key)) return Path(Concat(text_, "[", Quote(key), "]"));
  return Path(text_.empty() ? std::string(key) : Concat(text_, ".", key));
}

Path Path::At(size_t index) const { return Path(Concat(text_, "[", std::to_string(index), "]")); }

std::string Quote(std::string_view text) {
  std::string shown(text.substr(0, kLongestQuote));
  if (text.size() > kLongestQuote) shown += "...";
  // A cut may go through a character, and a name may hold any byte: what is not UTF-8 is shown as U+FFFD.
  std::string quoted = nlohmann::json(std::move(shown)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // The one control character that JSON does not spell out.
  for (size_t at = quoted.find(kDelete); at != std::string::npos; at = quoted.find(kDelete, at)) quoted.replace(at, 1, "\\u007f");
  return quoted;
}

void Problems::Add(const Path& path, std::string_view what) {
  ++count_;
  if (lines_.size() == kMostLines) return;
  lines_.push_back(path.text().empty() ? std::string(what) : Concat(path.text(), ": ", what));
}

absl::Status Problems::ToStatus() const {
  if (count_ == 0) return absl::OkStatus();
  if (count_ == 1) return absl::InvalidArgumentError(lines_.front());
  std::string text = Concat(std::to_string(count_), " problems:");
  for (const std::string& line : lines_) text += Concat("\n  ", line);
  if (count_ > lines_.size()) text += Concat("\n  and ", std::to_string(count_ - lines_.size()), " more");
  return absl::InvalidArgumentError(text);
}

}  // namespace userclient::internal
