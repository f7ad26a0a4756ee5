// The code of docs/deployment.md, which shows the regions between "// [name]" and "// [end]"; and what it says of threads,
// descriptors and connections.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/test_client.h"
#include "userclient/testing/fault_proxy.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_client.h"

namespace userclient::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Pair;
using namespace std::chrono_literals;

class DeploymentGuideTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.ok()) << server_.status(); }

  absl::StatusOr<FlakyUserServer> server_ = FlakyUserServer::Start({.seed_users = 1});
};

std::string Start(const UserClient& client) {
  std::ostringstream log;
  // [start]
  if (!client.WaitReady(10s)) log << "no connection yet; calls go on trying";
  // [end]
  return log.str();
}

std::string End(const UserClient& client) {
  std::ostringstream log;
  // [end of the process]
  if (!client.Shutdown(10s)) log << "calls were still under way, and have been cancelled";
  // [end]
  return log.str();
}

TEST_F(DeploymentGuideTest, AClientIsReadyBeforeItsFirstCallAndEndsWithItsLast) {
  const UserClient client = ConnectTo(server_->address());

  EXPECT_EQ(Start(client), "");
  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());
  EXPECT_EQ(End(client), "");
}

TEST_F(DeploymentGuideTest, ATokenOfTheCallersOwnIsMetadata) {
  const UserClient client = ConnectTo(server_->address());
  const user::v1::GetUserRequest request = AskFor("u-1");
  const std::string authorization = "Bearer of-the-caller";

  // [token of the caller]
  absl::StatusOr<user::v1::GetUserResponse> user = client.GetUser(request, {.metadata = {{"authorization", authorization}}});
  // [end]

  EXPECT_TRUE(user.ok()) << user.status();
  ASSERT_EQ(server_->attempts("GetUser"), 1);
  EXPECT_THAT(server_->ReceivedAttempts("GetUser")[0].metadata, Contains(Pair("authorization", authorization)));
}

void TurnDeadlockDetectionOff() {
  // [deadlock detection]
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // in main, before anything else
  // [end]
}

TEST_F(DeploymentGuideTest, CallsGoOnWithoutDeadlockDetection) {
  TurnDeadlockDetectionOff();

  EXPECT_TRUE(ConnectTo(server_->address()).GetUser(AskFor("u-1")).ok());
}

std::set<int> Descriptors() {
  std::set<int> descriptors;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
    int descriptor = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &descriptor)) descriptors.insert(descriptor);
  }
  return descriptors;
}

TEST_F(DeploymentGuideTest, AProgramThatIsStartedInheritsNothingOfAClient) {
  const std::set<int> before = Descriptors();
  const UserClient client = ConnectTo(server_->address());
  ASSERT_TRUE(client.GetUser(AskFor("u-1")).ok());
  const std::set<int> now = Descriptors();

  std::vector<int> inherited;
  std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(inherited));
  std::erase_if(inherited, [](int descriptor) {
    const int flags = fcntl(descriptor, F_GETFD);
    return flags < 0 || (flags & FD_CLOEXEC) != 0;
  });

  EXPECT_THAT(inherited, IsEmpty());
}

int Threads() {
  const fs::directory_iterator tasks("/proc/self/task");
  return static_cast<int>(std::distance(fs::begin(tasks), fs::end(tasks)));
}

TEST_F(DeploymentGuideTest, CallsThatWaitTakeNoThreads) {
  const absl::StatusOr<std::unique_ptr<FaultProxy>> network = FaultProxy::Start({.upstream = server_->address()});
  ASSERT_TRUE(network.ok()) << network.status();
  const UserClient client = ConnectTo((*network)->address(), NoRetryConfig());
  ASSERT_TRUE(client.WaitReady(30s));
  (*network)->Set(BlackHole());
  const int before = Threads();

  std::vector<PendingCall<user::v1::GetUserResponse>> calls;
  for (int i = 0; i < 90; ++i) calls.push_back(client.GetUserAsync(AskFor("u-1")));
  const int meanwhile = Threads();

  EXPECT_EQ(client.Snapshot().calls_in_flight, 90);
  // gRPC makes one or the other of its own as it needs them.
  EXPECT_LE(meanwhile, before + 10);
  client.Shutdown(0s);
}

TEST_F(DeploymentGuideTest, AServerHasAConnectionFromEveryChannel) {
  const absl::StatusOr<std::unique_ptr<FaultProxy>> network = FaultProxy::Start({.upstream = server_->address()});
  ASSERT_TRUE(network.ok()) << network.status();
  const absl::StatusOr<UserClient> client =
      UserClient::Create({.target = (*network)->address(),
                          .credentials = Credentials::Insecure(),
                          .service_config_file = fs::path(USERCLIENT_SOURCE_DIR) / "service_config/production.json"});
  ASSERT_TRUE(client.ok()) << client.status();

  ASSERT_TRUE(client->WaitReady(30s));

  // Two for each of the three compartments, and one for CheckHealth.
  EXPECT_EQ((*network)->counts().accepted, 7);
}

}  // namespace
}  // namespace userclient::testing
