#pragma once

/// Servers of one fleet, each of which may die and come back, and a client of all of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/stream/own_loopback.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/server/user_server.h"
#include "userclient/server/user_store.h"

namespace userclient::testing {

class StreamTest : public ::testing::Test {
 protected:
  static constexpr int kActivity = 200;

  /// All on one store.
  void StartServers(int count, std::chrono::nanoseconds heartbeat = std::chrono::milliseconds(50)) {
    store_ = MakeMemoryUserStore();
    heartbeat_ = heartbeat;
    servers_.resize(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) Start(i);
  }

  void Start(int number) {
    std::unique_ptr<UserServer>& server = servers_[static_cast<size_t>(number)];
    const std::string address =
        addresses_.size() > static_cast<size_t>(number) ? addresses_[static_cast<size_t>(number)] : OwnLoopback() + ":0";
    absl::StatusOr<std::unique_ptr<UserServer>> started =
        UserServer::Start({.listen_address = address,
                           .store = store_,
                           .seed_users = 3,
                           .seed_activity = kActivity,
                           .watch_heartbeat = heartbeat_,
                           .on_attempt = [this](const ReceivedAttempt&) { ++attempts_; }});
    ASSERT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
    if (addresses_.size() <= static_cast<size_t>(number)) addresses_.push_back(server->address());
  }

  /// At once, with all that is open on it.
  void Kill(int number) { servers_[static_cast<size_t>(number)].reset(); }

  void Connect(const std::string& config = NoRetryConfig()) {
    client_.emplace(ConnectTo(absl::StrCat("ipv4:", absl::StrJoin(addresses_, ",")), config));
  }

  UserServer& server(int number = 0) { return *servers_[static_cast<size_t>(number)]; }
  void SetFaults(const std::string& json) {
    for (const auto& server : servers_) ASSERT_EQ(server->faults().Set(json), absl::OkStatus());
  }

  int64_t OpenStreams() const {
    int64_t open = 0;
    for (const auto& server : servers_) open += server == nullptr ? 0 : server->open_streams();
    return open;
  }

  static user::v1::StreamActivityRequest ActivityOf(const std::string& user_id, int limit = 0) {
    user::v1::StreamActivityRequest request;
    request.set_user_id(user_id);
    request.set_limit(limit);
    return request;
  }

  std::shared_ptr<UserStore> store_;
  std::chrono::nanoseconds heartbeat_{};
  std::vector<std::string> addresses_;
  std::atomic<int> attempts_{0};
  std::vector<std::unique_ptr<UserServer>> servers_;
  std::optional<UserClient> client_;
};

}  // namespace userclient::testing
