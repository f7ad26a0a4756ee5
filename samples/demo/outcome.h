#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace demo {

/// One try on the wire.
struct Attempt {
  /// As gRPC names it, for example "ipv4:127.0.0.2:50051"; anything else if there was no connection.
  std::string peer{};
  absl::Status status{};
};

/// What one call came to, whoever made it.
struct Outcome {
  absl::Status status{};
  std::chrono::nanoseconds duration{};
  /// The trailer x-served-by of the answer; empty if there was none.
  std::string served_by{};
  /// Never empty for a call that was sent.
  std::vector<Attempt> attempts{};
  /// Why the call failed for good; empty if it succeeded, or if nobody but the caller can say.
  std::string gave_up_because{};
};

}  // namespace demo
