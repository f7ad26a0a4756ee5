#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/chaos/way.h"
#include "user/v1/user_service.pb.h"

namespace userclient::chaos {

/// Where the servers are.
struct Reach {
  std::string target{};
  /// Absent: plain text.
  std::optional<std::filesystem::path> root_certificates{};
};

/// One client of the service, used in one way. *Thread-safe.*
class Caller {
 public:
  using Timeout = std::chrono::nanoseconds;
  template <class Message>
  using Take = std::function<void(const Message&)>;

  virtual ~Caller() = default;

  /// Returns at once; `done` is called on a thread of gRPC's, or here.
  virtual void GetUser(const user::v1::GetUserRequest& request, Timeout timeout,
                       std::function<void(const absl::Status&)> done) = 0;
  /// The same for a caller who waits for it.
  virtual absl::Status GetUserBlocking(const user::v1::GetUserRequest& request, Timeout timeout) = 0;
  virtual void CreateUser(const user::v1::CreateUserRequest& request, Timeout timeout,
                          std::function<void(const absl::StatusOr<user::v1::CreateUserResponse>&)> done) = 0;

  /// Blocks until the stream has ended, at the latest when it is stopped.
  virtual absl::Status StreamActivity(const user::v1::StreamActivityRequest& request, const std::stop_token& over,
                                      const Take<user::v1::ActivityEvent>& take) = 0;

  /// Blocks until the watch has ended, at the latest when it is stopped. Takes changes only; `started` is called when the watch
  /// misses nothing any more, once.
  virtual absl::Status WatchUsers(const std::stop_token& over, const std::function<void()>& started,
                                  const Take<user::v1::WatchUsersResponse>& take) = 0;
};

/// `service_config` is for the ways that have one. Ends the program if there can be no such client.
std::unique_ptr<Caller> MakeCaller(Way way, const Reach& reach, const std::string& service_config);

/// Of the two ways of the stub.
std::unique_ptr<Caller> MakeStubCaller(const Reach& reach, const std::optional<std::string>& service_config);
std::unique_ptr<Caller> MakeUserclientCaller(const Reach& reach, const std::string& service_config);

}  // namespace userclient::chaos
