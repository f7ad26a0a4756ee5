// WatchUsers: every change once and in order, until it is cancelled.

#include <set>
#include <thread>

#include "tests/stream/stream_fixture.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using user::v1::WatchUsersResponse;
using namespace std::chrono_literals;

class WatchStreamTest : public StreamTest {
 protected:
  void Create(int number) {
    const auto created =
        store_->Create({.email = absl::StrCat("new", number, "@example.com"), .idempotency_key = absl::StrCat("key-", number)});
    ASSERT_TRUE(created.ok()) << created.status();
  }

  static std::string EmailOf(const std::optional<WatchUsersResponse>& change) { return change ? change->user().email() : ""; }
};

TEST_F(WatchStreamTest, BringsWhatHappens) {
  StartServers(1);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));

  Create(1);
  Create(2);

  EXPECT_EQ(EmailOf(watch.Next()), "new1@example.com");
  const std::optional<WatchUsersResponse> second = watch.Next();
  EXPECT_EQ(EmailOf(second), "new2@example.com");
  EXPECT_EQ(second->kind(), user::v1::USER_CHANGE_KIND_CREATED);
}

TEST_F(WatchStreamTest, SurvivesTheDeathOfEveryServer) {
  StartServers(3);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));

  for (int i = 0; i < 12; ++i) {
    Kill(i % 3);
    Create(i);
    EXPECT_EQ(EmailOf(watch.Next()), absl::StrCat("new", i, "@example.com"));
    Start(i % 3);
  }

  EXPECT_EQ(watch.status(), absl::OkStatus());
}

TEST_F(WatchStreamTest, WaitsForServersThatAreAllGone) {
  StartServers(1);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));
  Kill(0);
  Create(1);

  Start(0);

  EXPECT_EQ(EmailOf(watch.Next()), "new1@example.com");
}

TEST_F(WatchStreamTest, GoesOnAfterAGracefulRestart) {
  StartServers(2);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));

  for (int i = 0; i < 4; ++i) {
    Create(i);
    ASSERT_EQ(server(i % 2).Shutdown(10s), absl::OkStatus());
    Kill(i % 2);
    Start(i % 2);
    EXPECT_EQ(EmailOf(watch.Next()), absl::StrCat("new", i, "@example.com"));
  }
}

TEST_F(WatchStreamTest, ASilentServerIsLeft) {
  StartServers(1, /*heartbeat=*/100s);
  absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(NoRetryConfig());
  Connect();
  // The 20 s of the real thing would be long for a test: the first message of an attempt has a limit of its own.
  SetFaults(R"({"faults": [{"method": "WatchUsers", "hang": true, "times": 2}]})");
  Connect(RetryConfig({.more = R"(, "perAttemptRecvTimeout": "0.1s")"}));

  UserWatch watch = client_->WatchUsers();

  EXPECT_TRUE(watch.WaitStarted(30s)) << watch.status();
  EXPECT_EQ(attempts_, 3);
}

TEST_F(WatchStreamTest, ATokenGoesOnInAnotherWatch) {
  StartServers(1);
  Connect();
  std::string token;
  {
    UserWatch watch = client_->WatchUsers();
    ASSERT_TRUE(watch.WaitStarted(30s));
    Create(1);
    Create(2);
    EXPECT_EQ(EmailOf(watch.Next()), "new1@example.com");
    token = watch.resume_token();
  }
  Create(3);
  user::v1::WatchUsersRequest request;
  request.set_resume_token(token);

  UserWatch watch = client_->WatchUsers(request);

  EXPECT_EQ(EmailOf(watch.Next()), "new2@example.com");
  EXPECT_EQ(EmailOf(watch.Next()), "new3@example.com");
}

TEST_F(WatchStreamTest, ATokenNeverPassesWhatHasNotBeenTaken) {
  constexpr int kChanges = 300;
  StartServers(1);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));
  for (int i = 0; i < kChanges; ++i) Create(i);

  // Some have been read ahead meanwhile, at one time more than at another, and a cancellation drops them.
  for (int next = 0, round = 0; next < kChanges; ++round) {
    user::v1::WatchUsersRequest request;
    request.set_resume_token(watch.resume_token());
    ASSERT_NE(request.resume_token(), "");
    watch = client_->WatchUsers(request);
    ASSERT_EQ(EmailOf(watch.Next()), absl::StrCat("new", next++, "@example.com")) << round;
    if (round % 2 == 0) continue;
    watch.Cancel();
    while (const std::optional<WatchUsersResponse> change = watch.Next()) {
      ASSERT_EQ(EmailOf(change), absl::StrCat("new", next++, "@example.com")) << round;
    }
  }
}

TEST_F(WatchStreamTest, ATokenThatIsNoneEndsIt) {
  StartServers(1);
  Connect();
  user::v1::WatchUsersRequest request;
  request.set_resume_token("nonsense");

  UserWatch watch = client_->WatchUsers(request);

  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_EQ(watch.status().code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(watch.WaitStarted(30s));
}

TEST_F(WatchStreamTest, LivesLongerThanOneAttemptMay) {
  StartServers(1);
  Connect(NoRetryConfig("0.2s"));
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(Eventually([&] { return attempts_ >= 4; }));

  Create(1);

  EXPECT_EQ(EmailOf(watch.Next()), "new1@example.com");
  EXPECT_EQ(watch.status(), absl::OkStatus());
}

TEST_F(WatchStreamTest, EndsAtATimeoutOfTheCaller) {
  StartServers(1);
  Connect();

  UserWatch watch = client_->WatchUsers({}, {.timeout = 200ms});

  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_EQ(watch.status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(WatchStreamTest, CancelEndsIt) {
  StartServers(1);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));

  watch.Cancel();

  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_EQ(watch.status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
}

TEST_F(WatchStreamTest, ASlowConsumerMissesNothing) {
  StartServers(2);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));
  constexpr int kChanges = 500;

  for (int i = 0; i < kChanges; ++i) {
    Create(i);
    if (i % 100 == 50) {
      Kill(i / 100 % 2);
      Start(i / 100 % 2);
    }
  }

  for (int i = 0; i < kChanges; ++i) ASSERT_EQ(EmailOf(watch.Next()), absl::StrCat("new", i, "@example.com"));
}

TEST_F(WatchStreamTest, ManyAtOnce) {
  StartServers(2);
  Connect(R"({"methodConfig": [{"name": [{}], "timeout": "30s"}], "userclient": {"bulkheads": [{"name": "streams",
      "methods": [{"service": "user.v1.UserService"}], "maxChannels": 8}]}})");
  constexpr int kWatches = 200;
  std::vector<UserWatch> watches;
  watches.reserve(kWatches);
  for (int i = 0; i < kWatches; ++i) watches.push_back(client_->WatchUsers());
  for (UserWatch& watch : watches) ASSERT_TRUE(watch.WaitStarted(30s)) << watch.status();

  Create(1);
  Kill(0);
  Create(2);

  for (UserWatch& watch : watches) {
    ASSERT_EQ(EmailOf(watch.Next()), "new1@example.com");
    ASSERT_EQ(EmailOf(watch.Next()), "new2@example.com");
  }
}

}  // namespace
}  // namespace userclient::testing
