// Streams and names of a process that may have no more threads. This program's pthread_create comes before the system's.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <cerrno>
#include <string>

#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace {

/// Whether this thread may make others.
thread_local bool may_make_threads = true;

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): the system's name and types
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return may_make_threads ? create(thread, attributes, run, argument) : EAGAIN;
}
// NOLINTEND(readability-identifier-naming)

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;

user::v1::StreamActivityRequest ActivityOfTheFirstUser() {
  user::v1::StreamActivityRequest request;
  request.set_user_id("u-1");
  return request;
}

TEST(ThreadLimitTest, AStreamThatCannotHaveAThreadEndsAndTheNextOneTriesAgain) {
  const absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1, .seed_activity = 4});
  ASSERT_TRUE(server.ok()) << server.status();
  const UserClient client = ConnectTo(server->address());
  // What gRPC needs threads for has them.
  ASSERT_TRUE(client.GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(client.GetUserAsync(AskFor("u-1")).Get().ok());

  may_make_threads = false;
  MessageStream<user::v1::ActivityEvent> without = client.StreamActivity(ActivityOfTheFirstUser());
  EXPECT_EQ(without.Next(), std::nullopt);
  may_make_threads = true;
  MessageStream<user::v1::ActivityEvent> with = client.StreamActivity(ActivityOfTheFirstUser());
  int events = 0;
  while (with.Next()) ++events;

  EXPECT_EQ(without.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(without.status().message()).find("thread"), std::string::npos);
  EXPECT_EQ(server->attempts("StreamActivity"), 1);
  EXPECT_TRUE(with.status().ok()) << with.status();
  EXPECT_EQ(events, 5);
  EXPECT_TRUE(client.Shutdown(30s));
}

TEST(ThreadLimitTest, AClientThatNeverHadOneEnds) {
  const absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1, .seed_activity = 4});
  ASSERT_TRUE(server.ok()) << server.status();
  const UserClient client = ConnectTo(server->address());
  ASSERT_TRUE(client.GetUserAsync(AskFor("u-1")).Get().ok());

  may_make_threads = false;
  EXPECT_EQ(client.StreamActivity(ActivityOfTheFirstUser()).Next(), std::nullopt);
  may_make_threads = true;

  EXPECT_TRUE(client.Shutdown(30s));
}

TEST(ThreadLimitTest, ANameThatCouldNotBeFollowedIsFollowedFromTheNextConfigOn) {
  const auto config = [](const std::string& refresh) {
    return absl::StrCat(R"({"userclient": {"dnsRefresh": ")", refresh, R"("}})");
  };
  const UserClient client = ConnectTo("dns:///localhost:50051", config("5s"));
  const ServiceConfig other = *ServiceConfig::Parse(config("7s"));
  ASSERT_TRUE(client.Snapshot().resolution);

  may_make_threads = false;
  EXPECT_EQ(client.SetConfig(other), absl::OkStatus());
  EXPECT_FALSE(client.Snapshot().resolution);
  may_make_threads = true;
  EXPECT_EQ(client.SetConfig(other), absl::OkStatus());

  EXPECT_TRUE(client.Snapshot().resolution);
}

}  // namespace
}  // namespace userclient::testing
