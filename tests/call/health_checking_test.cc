// gRFC A17 with the shipped production config: a server that says that it is not well gets no calls, and none fails for it.

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/server/user_server.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;

class HealthCheckingTest : public ::testing::Test {
 protected:
  static std::unique_ptr<UserServer> StartServer() {
    absl::StatusOr<std::unique_ptr<UserServer>> server = UserServer::Start({.seed_users = 1, .drain_notice = 12s});
    if (!server.ok()) std::abort();
    return *std::move(server);
  }

  std::unique_ptr<UserServer> leaving_ = StartServer();
  std::unique_ptr<UserServer> staying_ = StartServer();
};

TEST_F(HealthCheckingTest, AServerThatDrainsIsLeftBeforeItCloses) {
  const absl::StatusOr<UserClient> client =
      UserClient::Create({.target = absl::StrCat("ipv4:", leaving_->address(), ",", staying_->address()),
                          .credentials = Credentials::Insecure(),
                          .service_config_file = SERVICE_CONFIG_FOLDER "/production.json"});
  ASSERT_TRUE(client.ok()) << client.status();
  const auto call = [&] { EXPECT_EQ(client->GetUser(AskFor("u-1")).status(), absl::OkStatus()); };
  ASSERT_TRUE(Eventually([&] {
    call();
    return leaving_->counters("GetUser").attempts > 5 && staying_->counters("GetUser").attempts > 5;
  }));

  // It goes on answering for 12 s, but its health says NOT_SERVING.
  const auto drained = std::async(std::launch::async, [&] { return leaving_->Shutdown(60s); });
  EXPECT_TRUE(Eventually([&] {
    const int64_t before = leaving_->counters("GetUser").attempts;
    for (int i = 0; i < 20; ++i) call();
    return leaving_->counters("GetUser").attempts == before;
  }));

  EXPECT_EQ(drained.wait_for(0s), std::future_status::timeout) << "it was left before it closed";
}

}  // namespace
}  // namespace userclient::testing
