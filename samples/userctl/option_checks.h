#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace userctl {

// What the value of a flag or an argument must be. Whatever is wrong with it is told in words, and nothing is taken for what it
// may have meant.

/// A whole number within these limits, in decimal digits alone: no more than fits, and no 010, which is 8 to some and 10 to
/// others. Help shows the limits.
CLI::Validator WholeNumber(int64_t first, int64_t last);

/// The same from 1 to as much as a number can be. Help says nothing of limits.
CLI::Validator PositiveNumber();

/// UTF-8, as messages must be.
CLI::Validator Text();

/// UTF-8, and not empty: a script whose variable is not set should not get what goes without the flag.
CLI::Validator SomeText();

}  // namespace userctl
