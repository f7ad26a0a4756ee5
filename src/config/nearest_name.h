#pragma once

#include <span>
#include <string>
#include <string_view>

namespace userclient::internal {

/// The candidate that somebody who wrote `word` most likely meant: the one with the fewest edits (insert, delete, replace, swap
/// of neighbours), letter case aside. Empty if none is near.
std::string_view NearestName(std::string_view word, std::span<const std::string_view> candidates);

/// "; did you mean X?", or nothing if no candidate is near.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace userclient::internal
