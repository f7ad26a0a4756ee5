#include "url.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace profile_service {
namespace {

bool IsHex(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || std::string_view("-._~").find(c) != std::string_view::npos;
}

}  // namespace

std::string_view PathOf(std::string_view target) {
  target = target.substr(0, target.find_first_of("?#"));
  if (target.starts_with("http://") || target.starts_with("https://")) {
    const std::size_t host = target.find("//") + 2;
    const std::size_t path = target.find('/', host);
    return path == std::string_view::npos ? "/" : target.substr(path);
  }
  return target;
}

absl::StatusOr<std::string> PercentDecoded(std::string_view segment) {
  std::string text;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      text += segment[i];
      continue;
    }
    if (i + 2 >= segment.size() || !IsHex(segment[i + 1]) || !IsHex(segment[i + 2])) {
      return absl::InvalidArgumentError(absl::StrCat("the path: \"", std::string(segment.substr(i, 3)),
                                                     "\" is no percent-encoding, like %2F; a % of its own is %25"));
    }
    text += absl::HexStringToBytes(std::string(segment.substr(i + 1, 2)));
    i += 2;
  }
  return text;
}

std::string PercentEncoded(std::string_view text) {
  std::string segment;
  for (const char c : text) {
    if (IsUnreserved(c)) {
      segment += c;
    } else {
      absl::StrAppendFormat(&segment, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return segment;
}

}  // namespace profile_service
