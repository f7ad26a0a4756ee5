#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace userclient::internal {

/// Where a walk over the users stands.
struct PageToken {
  /// Sequence number of the last user that was returned.
  int64_t after = 0;
  /// The walk ends with this one: the last user when it began.
  int64_t until = 0;

  friend bool operator==(const PageToken&, const PageToken&) = default;
};

/// Clients pass it on and must not look inside. It carries a checksum against accidents, and no authority: whoever may list users
/// may see them all.
std::string EncodePageToken(const PageToken& token);

/// nullopt for a text that EncodePageToken cannot have made.
std::optional<PageToken> DecodePageToken(std::string_view text);

}  // namespace userclient::internal
