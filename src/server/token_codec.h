#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace userclient::internal {

/// Numbers as an opaque text that clients pass on. It carries a checksum against accidents, and no authority. `kind` tells tokens
/// of one sort from those of another: what was made with one is nothing to the other.
std::string EncodeToken(uint64_t kind, std::span<const uint64_t> numbers);

/// nullopt for a text that EncodeToken cannot have made of so many numbers and this kind.
std::optional<std::vector<uint64_t>> DecodeToken(uint64_t kind, size_t count, std::string_view text);

}  // namespace userclient::internal
