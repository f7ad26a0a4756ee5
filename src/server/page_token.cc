#include "server/page_token.h"

#include <vector>

#include "server/token_codec.h"

namespace userclient::internal {
namespace {

// "userlist"
constexpr uint64_t kKind = 0x757365726c697374;

}  // namespace

std::string EncodePageToken(const PageToken& token) {
  const uint64_t numbers[] = {static_cast<uint64_t>(token.after), static_cast<uint64_t>(token.until)};
  return EncodeToken(kKind, numbers);
}

std::optional<PageToken> DecodePageToken(std::string_view text) {
  const std::optional<std::vector<uint64_t>> numbers = DecodeToken(kKind, 2, text);
  if (!numbers) return std::nullopt;
  const PageToken token{.after = static_cast<int64_t>((*numbers)[0]), .until = static_cast<int64_t>((*numbers)[1])};
  if (token.after < 1 || token.until <= token.after) return std::nullopt;
  return token;
}

}  // namespace userclient::internal
