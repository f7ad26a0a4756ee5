#include "printable.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_format.h"

namespace userctl {
namespace {

struct Character {
  uint32_t code_point = 0;
  size_t size = 0;
};

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

/// The first character of `text`, which is not empty; nullopt if its bytes are not UTF-8.
std::optional<Character> FirstCharacter(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return Character{lead, 1};
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return std::nullopt;
  uint32_t code_point = lead & (0xffU >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(text[i])) return std::nullopt;
    code_point = code_point << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < kSmallest[size] || code_point > 0x10ffff || surrogate) return std::nullopt;
  return Character{code_point, size};
}

bool ObeyedByTerminals(uint32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f) ||  // C0, DEL, C1
         code_point == 0x061c || code_point == 0x200e || code_point == 0x200f || (code_point >= 0x2028 && code_point <= 0x202e) ||
         (code_point >= 0x2066 && code_point <= 0x2069) || code_point == 0xfeff;
}

std::string SpelledOut(uint32_t code_point) {
  switch (code_point) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return code_point < 0x80 ? absl::StrFormat("\\x%02x", code_point) : absl::StrFormat("\\u%04x", code_point);
  }
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string printable;
  while (!text.empty()) {
    const std::optional<Character> character = FirstCharacter(text);
    if (!character) {
      printable += absl::StrFormat("\\x%02x", static_cast<unsigned char>(text.front()));
    } else if (ObeyedByTerminals(character->code_point)) {
      printable += SpelledOut(character->code_point);
    } else {
      printable += text.substr(0, character->size);
    }
    text.remove_prefix(character ? character->size : 1);
  }
  return printable;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::optional<Character> character = FirstCharacter(text);
    if (!character) return false;
    text.remove_prefix(character->size);
  }
  return true;
}

userclient::CallReport Printable(userclient::CallReport report) {
  for (userclient::AttemptReport& attempt : report.attempts) {
    attempt.peer = Printable(attempt.peer);
    const std::string message = Printable(std::string_view(attempt.status.message().data(), attempt.status.message().size()));
    attempt.status = absl::Status(attempt.status.code(), message);
  }
  return report;
}

size_t Width(std::string_view printable) {
  return static_cast<size_t>(std::count_if(printable.begin(), printable.end(), [](char byte) { return !IsContinuation(byte); }));
}

}  // namespace userctl
