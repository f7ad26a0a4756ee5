#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace userclient::internal {

/// The bearer tokens in a file: one a line, and more than one while an old one is being replaced. *Errors:* NOT_FOUND,
/// PERMISSION_DENIED or FAILED_PRECONDITION, with the file.
absl::StatusOr<std::vector<std::string>> ReadTokens(const std::filesystem::path& file);

/// Holds the tokens that callers may bring. *Thread-safe.*
class TokenCheck {
 public:
  explicit TokenCheck(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  /// `authorization`: the header, if there is one. *Errors:* UNAUTHENTICATED, and nothing about the tokens.
  absl::Status Check(std::optional<std::string_view> authorization) const;

  /// False if they are what it has.
  bool Exchange(std::vector<std::string> tokens);

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::internal
