#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace userctl {

/// What may be given to every command.
struct GlobalOptions {
  std::string target{};
  std::optional<std::string> config{};
  std::optional<std::chrono::nanoseconds> timeout{};
  bool json = false;
  bool verbose = false;
  bool tls = false;
  std::optional<std::string> ca{};
  std::optional<std::string> cert{};
  std::optional<std::string> key{};
  std::optional<std::string> server_name{};
  std::optional<std::string> token_file{};

  bool uses_tls() const { return tls || ca || cert || key; }
};

inline constexpr char kGlobalOptionsGroup[] = "Options of every command";

/// Adds the flags to `app`, which fill `options` when it parses, as that group.
void AddGlobalOptions(CLI::App& app, GlobalOptions& options);

/// Whether the flags make sense together. *Errors:* INVALID_ARGUMENT saying what to add.
absl::Status CheckGlobalOptions(const GlobalOptions& options);

}  // namespace userctl
