#include "option_checks.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "printable.h"

namespace userctl {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

std::optional<int64_t> ReadWholeNumber(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.size() > 1 && digits.starts_with('0')) return std::nullopt;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string CheckText(const std::string& text) {
  return IsUtf8(text) ? "" : absl::StrCat("\"", Printable(text), "\" is not UTF-8");
}

}  // namespace

CLI::Validator WholeNumber(int64_t first, int64_t last) {
  const auto check = [first, last](std::string& text) -> std::string {
    const std::optional<int64_t> number = ReadWholeNumber(text);
    if (number && *number >= first && *number <= last) return "";
    const std::string up_to = last == kLargest ? std::string(" or more") : absl::StrCat(" to ", last);
    return absl::StrCat("\"", Printable(text), "\" is no whole number", last == kLargest ? " of " : " from ", first, up_to);
  };
  return {check, absl::StrCat("INT in [", first, " - ", last, "]")};
}

CLI::Validator PositiveNumber() { return WholeNumber(1, kLargest).description(""); }

CLI::Validator Text() {
  return {[](std::string& text) { return CheckText(text); }, ""};
}

CLI::Validator SomeText() {
  const auto check = [](std::string& text) -> std::string {
    return text.empty() ? std::string("is empty; give it a value, or leave it out") : CheckText(text);
  };
  return {check, ""};
}

}  // namespace userctl
