#include "server/token_codec.h"

#include "absl/strings/escaping.h"

namespace userclient::internal {
namespace {

constexpr size_t kNumberBytes = 8;

void AppendNumber(std::string& bytes, uint64_t number) {
  for (size_t i = 0; i < kNumberBytes; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
}

uint64_t NumberAt(std::string_view bytes, size_t position) {
  uint64_t number = 0;
  for (size_t i = 0; i < kNumberBytes; ++i) number |= uint64_t{static_cast<unsigned char>(bytes[position + i])} << (8 * i);
  return number;
}

// FNV-1a from a start of our own, so that it is the same in every process and version.
uint64_t Checksum(uint64_t kind, std::string_view bytes) {
  uint64_t hash = kind;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

std::string EncodeToken(uint64_t kind, std::span<const uint64_t> numbers) {
  std::string bytes;
  for (uint64_t number : numbers) AppendNumber(bytes, number);
  AppendNumber(bytes, Checksum(kind, bytes));
  return absl::WebSafeBase64Escape(bytes);
}

std::optional<std::vector<uint64_t>> DecodeToken(uint64_t kind, size_t count, std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(absl::string_view(text.data(), text.size()), &bytes) ||
      bytes.size() != (count + 1) * kNumberBytes) {
    return std::nullopt;
  }
  const std::string_view content = std::string_view(bytes).substr(0, count * kNumberBytes);
  if (NumberAt(bytes, content.size()) != Checksum(kind, content)) return std::nullopt;
  std::vector<uint64_t> numbers;
  for (size_t i = 0; i < count; ++i) numbers.push_back(NumberAt(content, i * kNumberBytes));
  // The decoder is lenient about padding; a token is what we issued, letter by letter.
  if (EncodeToken(kind, numbers) != text) return std::nullopt;
  return numbers;
}

}  // namespace userclient::internal
