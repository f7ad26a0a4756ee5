#include "server/resume_token.h"

#include <vector>

#include "server/token_codec.h"

namespace userclient::internal {
namespace {

// "userfeed"
constexpr uint64_t kKind = 0x7573657266656564;

}  // namespace

std::string EncodeResumeToken(const ResumeToken& token) {
  const uint64_t numbers[] = {token.feed_id, static_cast<uint64_t>(token.after)};
  return EncodeToken(kKind, numbers);
}

std::optional<ResumeToken> DecodeResumeToken(std::string_view text) {
  const std::optional<std::vector<uint64_t>> numbers = DecodeToken(kKind, 2, text);
  if (!numbers) return std::nullopt;
  const ResumeToken token{.feed_id = (*numbers)[0], .after = static_cast<int64_t>((*numbers)[1])};
  if (token.after < 0) return std::nullopt;
  return token;
}

}  // namespace userclient::internal
