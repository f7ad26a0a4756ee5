#pragma once

#include <cstddef>

namespace userctl {

/// How many characters a line for people may have: what COLUMNS says, or the terminal; without either 100. Never under
/// `narrowest`, where tables would not be readable, nor over 120.
size_t TerminalWidth(size_t narrowest = 80);

}  // namespace userctl
