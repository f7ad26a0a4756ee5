#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "user/v1/user_service.grpc.pb.h"

namespace userclient::benchmark {

/// Asks a benchmark_server about what it sees, over a connection of its own to the first of its addresses.
class ServerControl {
 public:
  explicit ServerControl(const std::string& target);

  /// Connections that have brought a call since the server began, this one included.
  absl::StatusOr<int64_t> Connections() { return Ask("connections"); }
  /// Calls that wait for others of their wave.
  absl::StatusOr<int64_t> Waiting() { return Ask("waiting"); }
  /// Blocks until so many calls wait. *Errors:* DEADLINE_EXCEEDED after the limit.
  absl::Status AwaitWaiting(int64_t count, std::chrono::seconds limit);
  /// Makes one call for this user, and waits for the answer.
  absl::Status Call(const std::string& user_id) { return Ask(user_id).status(); }

 private:
  absl::StatusOr<int64_t> Ask(const std::string& user_id);

  const std::unique_ptr<user::v1::UserService::Stub> stub_;
};

}  // namespace userclient::benchmark
