#pragma once

#include <cstddef>

namespace userctl {

/// How many characters a line for people may have: what COLUMNS says, or the terminal; without either 100. Never under 80, where
/// tables would not be readable, nor over 120.
size_t TerminalWidth();

}  // namespace userctl
