#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace userclient::internal {

/// A position in the feed of changes of one store.
struct ResumeToken {
  uint64_t feed_id = 0;
  /// Sequence number of the last change before the position; 0: before the first.
  int64_t after = 0;

  friend bool operator==(const ResumeToken&, const ResumeToken&) = default;
};

/// Clients pass it on and must not look inside.
std::string EncodeResumeToken(const ResumeToken& token);

/// nullopt for a text that EncodeResumeToken cannot have made.
std::optional<ResumeToken> DecodeResumeToken(std::string_view text);

}  // namespace userclient::internal
