#include "call/request_metadata.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

bool IsKeyCharacter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

std::string_view WhatIsWrong(std::string_view key, std::string_view value) {
  if (key.empty()) return "the key is empty";
  if (!std::all_of(key.begin(), key.end(), IsKeyCharacter)) {
    return "a key is made of lower case letters, digits, '_', '-' and '.'";
  }
  if (key.starts_with("grpc-")) return "keys that begin with grpc- belong to gRPC";
  const auto printable = [](unsigned char c) { return c >= 0x20 && c <= 0x7e; };
  if (!key.ends_with("-bin") && !std::all_of(value.begin(), value.end(), printable)) {
    return "the value is not printable ASCII; give the key the ending -bin to send any bytes";
  }
  return {};
}

}  // namespace

absl::Status CheckMetadata(const Metadata& metadata) {
  for (size_t i = 0; i < metadata.size(); ++i) {
    const auto& [key, value] = metadata[i];
    const std::string_view problem = WhatIsWrong(key, value);
    if (!problem.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("CallOptions.metadata[", i, "] \"", absl::CHexEscape(key), "\": ", std::string(problem)));
    }
  }
  return absl::OkStatus();
}

bool CanBeSent(std::string_view key, std::string_view value) { return WhatIsWrong(key, value).empty(); }

}  // namespace userclient::internal
