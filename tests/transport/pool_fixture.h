#pragma once

/// A flaky server and pools that lead to it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/transport/tcp_connections.h"
#include "transport/channel_pool.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {

using internal::ChannelPool;
using internal::ChannelSpec;

/// One GetUser on a leased channel.
inline grpc::Status GetUser(const ChannelPool::Lease& lease) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  user::v1::GetUserResponse response;
  return static_cast<user::v1::UserService::Stub*>(lease->stub.get())->GetUser(&context, request, &response);
}

class PoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 3});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  /// `spec` needs to hold only what matters to the test. The target is the server, if none is given.
  std::unique_ptr<ChannelPool> MakePool(ChannelSpec spec) {
    absl::StatusOr<std::unique_ptr<ChannelPool>> pool = TryMakePool(std::move(spec));
    if (!pool.ok()) {
      ADD_FAILURE() << pool.status();
      std::abort();
    }
    return *std::move(pool);
  }

  absl::StatusOr<std::unique_ptr<ChannelPool>> TryMakePool(ChannelSpec spec) {
    if (spec.target.empty()) spec.target = server_->address();
    spec.credentials = grpc::InsecureChannelCredentials();
    return ChannelPool::Create(spec, [](const std::shared_ptr<grpc::Channel>& channel) {
      return std::shared_ptr<void>(user::v1::UserService::NewStub(channel));
    });
  }

  bool AwaitConnections(int count) {
    return Eventually([&] { return ConnectionsTo(server_->port()) == count; });
  }

  static ChannelPool::TimePoint Soon() { return ChannelPool::Clock::now() + std::chrono::milliseconds(200); }
  static ChannelPool::TimePoint MuchLater() { return ChannelPool::Clock::now() + std::chrono::seconds(30); }

  std::optional<FlakyUserServer> server_;
};

}  // namespace userclient::testing
