#include "userclient/testing/flaky_user_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "tests/server/stream_client.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

TEST(FlakyUserServerTest, MeetsEachAttemptWithTheNextStep) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();
  server.Script("GetUser", {Fail(absl::StatusCode::kUnavailable).WithPushback(100ms),
                            Fail(absl::StatusCode::kAborted, "stop").WithPushbackStop(), Delay(1ms), Throw(), Ok(),
                            Fail(absl::StatusCode::kInvalidArgument).WithViolation("user_id", "odd").WithTrailer("x-a", "b")});
  PlainClient client(server.address());

  const auto first = client.GetUser("u-1");
  const auto second = client.GetUser("u-1");
  EXPECT_THAT(client.GetUser("u-1"), Succeeded());
  EXPECT_THAT(client.GetUser("u-1"), FailedWith(grpc::StatusCode::INTERNAL));
  EXPECT_THAT(client.GetUser("u-1"), Succeeded());
  const auto sixth = client.GetUser("u-1");
  EXPECT_THAT(client.GetUser("u-1"), Succeeded());

  EXPECT_THAT(first, FailedWith(grpc::StatusCode::UNAVAILABLE));
  EXPECT_EQ(first.trailer("grpc-retry-pushback-ms"), "100");
  EXPECT_THAT(second, FailedWith(grpc::StatusCode::ABORTED));
  EXPECT_EQ(second.status.error_message(), "stop");
  EXPECT_EQ(second.trailer("grpc-retry-pushback-ms"), "-1");
  EXPECT_THAT(ViolationsIn(sixth.status), ElementsAre(Pair("user_id", "odd")));
  EXPECT_EQ(sixth.trailer("x-a"), "b");
}

TEST(FlakyUserServerTest, RepeatsAScript) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();
  server.ScriptRepeatedly("GetUser", {Fail(absl::StatusCode::kUnavailable).Times(2), Ok()});
  PlainClient client(server.address());

  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(client.GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
    EXPECT_THAT(client.GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
    EXPECT_THAT(client.GetUser("u-1"), Succeeded());
  }
}

TEST(FlakyUserServerTest, MeetsStreamsInTheirMidst) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1, .seed_activity = 9}).value();
  server.Script("StreamActivity", {Fail(absl::StatusCode::kUnavailable).After(2), Slow(1ms), NeverHalfClose(), Drop().After(3)});
  PlainClient client(server.address());

  EXPECT_THAT(ActivityCall(client, {}).ReadIds(), SizeIs(2));
  EXPECT_THAT(ActivityCall(client, {}).ReadIds(), SizeIs(10));
  ActivityCall endless(client, {});
  EXPECT_THAT(endless.ReadIds(10), SizeIs(10));
  EXPECT_TRUE(Await([&] { return server.open_streams() == 1; }));
  EXPECT_LE(ActivityCall(client, {}).ReadIds().size(), 3u);
  EXPECT_EQ(endless.Finish().error_code(), grpc::StatusCode::UNAVAILABLE) << "it ran over the same connection";
}

TEST(FlakyUserServerTest, RecordsWhatArrived) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();
  PlainClient client(server.address());

  client.GetUser("u-1");
  client.GetUser("u-1", {{"grpc-previous-rpc-attempts", "1"}});
  client.ListUsers(1);

  EXPECT_EQ(server.attempts("GetUser"), 2);
  EXPECT_EQ(server.calls("GetUser"), 1);
  EXPECT_THAT(server.ReceivedAttempts("GetUser"), SizeIs(2));
  EXPECT_EQ(server.ReceivedAttempts("GetUser")[1].previous_attempts, 1);
  EXPECT_THAT(server.requests(), SizeIs(3));
  server.ClearRequests();
  EXPECT_EQ(server.attempts("GetUser"), 0);
}

TEST(FlakyUserServerTest, AStarIsEveryMethod) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();
  PlainClient client(server.address());

  client.GetUser("u-1");
  client.GetUser("u-1", {{"grpc-previous-rpc-attempts", "1"}});
  client.ListUsers(1);

  EXPECT_EQ(server.attempts("*"), 3);
  EXPECT_EQ(server.calls("*"), 2);
  EXPECT_THAT(server.ReceivedAttempts("*"), SizeIs(3));
  EXPECT_TRUE(server.AwaitAttempts("*", 3, 0ns));
  EXPECT_FALSE(server.AwaitAttempts("*", 4, 0ns));
}

TEST(FlakyUserServerTest, SaysHowManyStepsAreLeft) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();
  PlainClient client(server.address());
  EXPECT_EQ(server.steps_left("GetUser"), 0);
  server.Script("GetUser", {Ok().Times(2), Ok()});
  EXPECT_EQ(server.steps_left("GetUser"), 3);

  client.GetUser("u-1");
  EXPECT_EQ(server.steps_left("GetUser"), 2);
  client.GetUser("u-1");
  client.GetUser("u-1");
  EXPECT_EQ(server.steps_left("GetUser"), 0);

  server.ScriptRepeatedly("*", {Ok()});
  EXPECT_EQ(server.steps_left("*"), std::nullopt);
  EXPECT_EQ(server.steps_left("GetUser"), 0);
}

TEST(FlakyUserServerTest, AwaitsAttemptsThatAreNotAnswered) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();
  server.Script("GetUser", {Hang()});
  PlainClient client(server.address());
  grpc::ClientContext context;
  std::thread caller([&] {
    user::v1::GetUserResponse response;
    EXPECT_EQ(client.stub().GetUser(&context, {}, &response).error_code(), grpc::StatusCode::CANCELLED);
  });

  EXPECT_TRUE(server.AwaitAttempts("GetUser", 1));
  EXPECT_FALSE(server.AwaitAttempts("GetUser", 2, 1ms));

  context.TryCancel();
  caller.join();
}

TEST(FlakyUserServerTest, AnswersGarbage) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();
  server.Script("GetUser", {Garbage()});

  EXPECT_FALSE(PlainClient(server.address()).GetUser("u-1").status.ok());
}

TEST(FlakyUserServerTest, RestartsOnItsPortWithItsUsersScriptsAndRecords) {
  FlakyUserServer server = FlakyUserServer::Start().value();
  const std::string address = server.address();
  ASSERT_THAT(PlainClient(address).CreateUser("ada@example.com"), Succeeded());
  server.Script("GetUser", {Fail(absl::StatusCode::kUnavailable), Fail(absl::StatusCode::kAborted)});
  ASSERT_THAT(PlainClient(address).GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));

  ASSERT_THAT(server.Restart(), IsOk());

  EXPECT_EQ(server.address(), address);
  EXPECT_THAT(PlainClient(address).GetUser("u-1"), FailedWith(grpc::StatusCode::ABORTED));
  EXPECT_THAT(PlainClient(address).GetUser("u-1"), Succeeded());
  EXPECT_EQ(server.attempts("GetUser"), 3);
}

TEST(FlakyUserServerTest, StopCutsOffWhatIsInFlightAndClosesThePort) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();
  server.Script("GetUser", {Hang()});
  PlainClient client(server.address());
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::thread caller([&] { code = client.GetUser("u-1").status.error_code(); });
  ASSERT_TRUE(server.AwaitAttempts("GetUser", 1));

  server.Stop();
  caller.join();

  EXPECT_THAT(code, ::testing::AnyOf(grpc::StatusCode::CANCELLED, grpc::StatusCode::UNAVAILABLE));
  EXPECT_THAT(PlainClient(server.address()).GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
}

TEST(FlakyUserServerTest, NobodyElseIsGivenItsPortWhileItIsStopped) {
  FlakyUserServer server = FlakyUserServer::Start().value();
  server.Stop();

  const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(server.port())), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  EXPECT_EQ(bind(other, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  close(other);
  EXPECT_TRUE(server.Restart().ok());
}

TEST(FlakyUserServerTest, ServersBehindOneNameTakeOnePortOnSeveralAddresses) {
  FlakyUserServer one = FlakyUserServer::Start({.seed_users = 1, .listen_address = "127.0.0.2:0", .name = "one"}).value();
  FlakyUserServer two =
      FlakyUserServer::Start({.seed_users = 1, .listen_address = "127.0.0.3:" + std::to_string(one.port()), .name = "two"})
          .value();

  EXPECT_EQ(PlainClient(one.address()).GetUser("u-1").trailer("x-served-by"), "one");
  EXPECT_EQ(PlainClient(two.address()).GetUser("u-1").trailer("x-served-by"), "two");
}

TEST(FlakyUserServerTest, LimitsTheRate) {
  FlakyUserServer server =
      FlakyUserServer::Start({.seed_users = 1, .rate_limit = RateLimit{.per_second = 0.001, .burst = 1}}).value();
  PlainClient client(server.address());

  EXPECT_THAT(client.GetUser("u-1"), Succeeded());
  EXPECT_THAT(client.GetUser("u-1"), FailedWith(grpc::StatusCode::RESOURCE_EXHAUSTED));
}

TEST(FlakyUserServerTest, TakesTheLimitsOfAServer) {
  const auto refused = [](const std::string& what) { return IsError(absl::StatusCode::kInvalidArgument, HasSubstr(what)); };

  EXPECT_THAT(FlakyUserServer::Start({.max_concurrent_calls = 0}), refused("max_concurrent_calls"));
  EXPECT_THAT(FlakyUserServer::Start({.max_concurrent_streams = 0}), refused("max_concurrent_streams"));
  EXPECT_THAT(FlakyUserServer::Start({.max_connection_age = 0ns}), refused("max_connection_age:"));
  EXPECT_THAT(FlakyUserServer::Start({.max_connection_age_grace = -1ns}), refused("max_connection_age_grace"));
}

TEST(FlakyUserServerTest, TakesFaultsAsJson) {
  FlakyUserServer server = FlakyUserServer::Start({.seed_users = 1}).value();

  EXPECT_THAT(server.SetFaults("{"), HasCode(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(server.SetFaults(R"({"faults": [{"method": "*", "status": "DATA_LOSS"}]})"), IsOk());

  EXPECT_THAT(PlainClient(server.address()).GetUser("u-1"), FailedWith(grpc::StatusCode::DATA_LOSS));
}

TEST(FlakyUserServerDeathTest, ScriptThatCannotBeEndsTheTest) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  FlakyUserServer server = FlakyUserServer::Start().value();

  EXPECT_DEATH(server.Script("GetUsr", {Ok()}), "\"GetUsr\" is no method that can be made to fail");
  EXPECT_DEATH(server.steps_left("GetUsr"), "FlakyUserServer::steps_left: \"GetUsr\" is no method that can be made to fail");
}

TEST(FlakyUserServerDeathTest, AMethodThatDoesNotExistEndsTheTest) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  FlakyUserServer server = FlakyUserServer::Start().value();

  EXPECT_DEATH(server.attempts("GetUsr"),
               "FlakyUserServer::attempts: \"GetUsr\" is no method of UserService: \"GetUser\", .*\"WatchUsers\", .*or \"\\*\"");
  EXPECT_DEATH(server.calls("user.v1.UserService/GetUser"), "FlakyUserServer::calls: .* is no method of UserService");
  EXPECT_DEATH(server.ReceivedAttempts(""), "FlakyUserServer::ReceivedAttempts: \"\" is no method of UserService");
  EXPECT_DEATH(server.AwaitAttempts("GetUsr", 1), "FlakyUserServer::AwaitAttempts: \"GetUsr\" is no method of UserService");
}

}  // namespace
}  // namespace userclient::testing
