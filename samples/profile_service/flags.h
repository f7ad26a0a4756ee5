#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "userclient/credentials.h"

namespace profile_service {

/// The command line.
struct Flags {
  std::string listen = "127.0.0.1:8080";
  /// Without it: where the rest is.
  std::optional<std::string> operations_listen{};
  int threads = 64;
  std::string target{};
  std::optional<std::string> config{};
  std::chrono::nanoseconds timeout = std::chrono::seconds(2);
  std::chrono::nanoseconds max_timeout = std::chrono::seconds(10);
  std::chrono::nanoseconds fallback_max_age = std::chrono::minutes(10);
  bool tls = false;
  std::optional<std::string> ca{};
  std::optional<std::string> cert{};
  std::optional<std::string> key{};
  std::optional<std::string> server_name{};
  std::optional<std::string> token_file{};
  std::string log = "-";
  std::string log_calls = "failures";
  std::chrono::nanoseconds drain_notice = std::chrono::milliseconds(500);
  std::chrono::nanoseconds drain_limit = std::chrono::seconds(10);

  bool uses_tls() const { return tls || ca || cert || key; }
};

/// Adds the flags to `app`, which fill `flags` when it parses.
void AddFlags(CLI::App& app, Flags& flags);

/// Whether the flags make sense together. *Errors:* INVALID_ARGUMENT saying what to change.
absl::Status CheckFlags(const Flags& flags);

userclient::Credentials CredentialsFor(const Flags& flags);

/// An error of the SDK, with its options called what they are called here.
absl::Status InTermsOfFlags(const absl::Status& status);

}  // namespace profile_service
