#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace userclient::internal {

/// Where something stands in a config: `methodConfig[0].retryPolicy.maxAttempts`. The path of the whole file is empty.
class Path {
 public:
  Path() = default;

  Path Key(std::string_view key) const;
  Path At(size_t index) const;
  const std::string& text() const { return text_; }

 private:
  explicit Path(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

/// `text` as a JSON string, cut short if it is long.
std::string Quote(std::string_view text);

/// What is wrong with one config: every mistake, not only the first.
class Problems {
 public:
  void Add(const Path& path, std::string_view what);
  bool empty() const { return count_ == 0; }

  /// OK if there are none; else INVALID_ARGUMENT: `path: what`, or a line that counts them and then one line for each.
  absl::Status ToStatus() const;

 private:
  std::vector<std::string> lines_;
  size_t count_ = 0;
};

}  // namespace userclient::internal
