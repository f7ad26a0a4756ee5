#pragma once

#include <algorithm>
#include <string_view>

#include "samples/userctl/printable.h"
#include "tests/fuzz/fuzz_target.h"

namespace userclient::fuzz {

/// A text for people: not empty, UTF-8, and of control characters the newline at most, whatever was in the bytes that it quotes.
inline void RequireReadable(std::string_view text) {
  Require(!text.empty(), "an error says something");
  Require(userctl::IsUtf8(text), "a text for people is UTF-8", text);
  const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; };
  Require(std::none_of(text.begin(), text.end(), is_control), "a text for people holds no control characters", text);
}

}  // namespace userclient::fuzz
