#pragma once

#include <CLI/CLI.hpp>

namespace manual {

/// Newer releases of CLI11 would fold the lines of footers.
inline void KeepLinesOfFooters(CLI::App& app) {
  [](auto& formatter) {
    if constexpr (requires { formatter.enable_footer_formatting(false); }) formatter.enable_footer_formatting(false);
  }(*app.get_formatter());
}

}  // namespace manual
