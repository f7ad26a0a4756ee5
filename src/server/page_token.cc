#include "server/page_token.h"

#include "absl/strings/escaping.h"

namespace userclient::internal {
namespace {

constexpr size_t kNumberBytes = 8;
constexpr size_t kTokenBytes = 3 * kNumberBytes;

void AppendNumber(std::string& bytes, uint64_t number) {
  for (size_t i = 0; i < kNumberBytes; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
}

uint64_t NumberAt(std::string_view bytes, size_t position) {
  uint64_t number = 0;
  for (size_t i = 0; i < kNumberBytes; ++i) number |= uint64_t{static_cast<unsigned char>(bytes[position + i])} << (8 * i);
  return number;
}

// FNV-1a from a start of our own, so that it is the same in every process and version.
uint64_t Checksum(std::string_view bytes) {
  uint64_t hash = 0x757365726c697374;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

std::string EncodePageToken(const PageToken& token) {
  std::string bytes;
  AppendNumber(bytes, static_cast<uint64_t>(token.after));
  AppendNumber(bytes, static_cast<uint64_t>(token.until));
  AppendNumber(bytes, Checksum(bytes));
  return absl::WebSafeBase64Escape(bytes);
}

std::optional<PageToken> DecodePageToken(std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(absl::string_view(text.data(), text.size()), &bytes) || bytes.size() != kTokenBytes)
    return std::nullopt;
  if (NumberAt(bytes, 2 * kNumberBytes) != Checksum(std::string_view(bytes).substr(0, 2 * kNumberBytes))) return std::nullopt;
  const PageToken token{.after = static_cast<int64_t>(NumberAt(bytes, 0)),
                        .until = static_cast<int64_t>(NumberAt(bytes, kNumberBytes))};
  if (token.after < 1 || token.until <= token.after) return std::nullopt;
  // The decoder is lenient about padding; a token is what we issued, letter by letter.
  if (EncodePageToken(token) != text) return std::nullopt;
  return token;
}

}  // namespace userclient::internal
