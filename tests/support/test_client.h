#pragma once

/// Clients and configs for tests: only what a test changes is spelled out there.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "userclient/user_client.h"

namespace userclient::testing {

/// The `retryPolicy` of a test, as JSON values.
struct RetryJson {
  int max_attempts = 4;
  std::string initial_backoff = "0.001s";
  std::string max_backoff = "0.002s";
  std::string codes = R"("UNAVAILABLE")";
  /// For example `, "perAttemptRecvTimeout": "0.2s"`.
  std::string more{};
};

inline std::string RetryPolicyJson(const RetryJson& retry) {
  return absl::StrCat(R"("retryPolicy": {"maxAttempts": )", retry.max_attempts, R"(, "initialBackoff": ")", retry.initial_backoff,
                      R"(", "maxBackoff": ")", retry.max_backoff, R"(", "backoffMultiplier": 2, "retryableStatusCodes": [)",
                      retry.codes, "]", retry.more, "}");
}

/// A service config that retries every method of UserService like this. `top_level` is more of the file, with a leading comma.
inline std::string RetryConfig(const RetryJson& retry = {}, const std::string& top_level = {},
                               const std::string& timeout = "30s") {
  return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": ")", timeout, R"(", )",
                      RetryPolicyJson(retry), "}]", top_level, "}");
}

inline std::string NoRetryConfig(const std::string& timeout = "30s") {
  return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": ")", timeout, R"("}]})");
}

/// A client over plain text; ends the test program if it cannot be had.
inline UserClient ConnectTo(const std::string& target, const std::string& service_config = RetryConfig()) {
  absl::StatusOr<UserClient> client =
      UserClient::Create({.target = target, .credentials = Credentials::Insecure(), .service_config_json = service_config});
  if (!client.ok()) {
    ADD_FAILURE() << client.status();
    std::abort();
  }
  return *std::move(client);
}

inline user::v1::GetUserRequest AskFor(const std::string& user_id) {
  user::v1::GetUserRequest request;
  request.set_user_id(user_id);
  return request;
}

}  // namespace userclient::testing
