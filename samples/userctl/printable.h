#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "userclient/call_report.h"

namespace userctl {

/// Text from a server in a form that a terminal only shows: everything that would move the cursor, change colours, turn the
/// direction of writing, start a new line, or is not UTF-8, is spelled out (`\x1b`, `\n`, `\u202e`).
std::string Printable(std::string_view text);

/// The same for what a report quotes from servers.
userclient::CallReport Printable(userclient::CallReport report);

bool IsUtf8(std::string_view text);

/// How many characters of `printable` a person sees.
size_t Width(std::string_view printable);

}  // namespace userctl
