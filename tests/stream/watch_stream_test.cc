// WatchUsers: every change once and in order, until it is cancelled.

#include <atomic>
#include <future>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "tests/stream/raw_stream_server.h"
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
  // The 20 s of the real thing would be long for a test: the first message of an attempt has a limit of its own.
  SetFaults(R"({"faults": [{"method": "WatchUsers", "hang": true, "times": 2}]})");
  Connect(RetryConfig({.more = R"(, "perAttemptRecvTimeout": "0.5s")"}));
  const auto began = std::chrono::steady_clock::now();

  UserWatch watch = client_->WatchUsers();

  EXPECT_TRUE(watch.WaitStarted(30s)) << watch.status();
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s);
  EXPECT_GE(attempts_, 3) << "on a slow machine, others may have been silent for too long";
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
  Connect(NoRetryConfig("0.4s"));
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

TEST_F(WatchStreamTest, ThatItsAttemptsEndWellIsNoGoodEnd) {
  // Each attempt ends with OK, as behind a proxy that lets no stream grow old.
  const RawStreamServer server({});
  const UserClient client = ConnectTo(server.address(), NoRetryConfig());
  CallReport report;

  UserWatch watch = client.WatchUsers({}, {.timeout = 3s, .report = &report});

  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_EQ(watch.status().code(), StatusCode::kDeadlineExceeded) << watch.status();
  EXPECT_EQ(report.end, CallEnd::kDeadline);
  EXPECT_GE(report.attempts.size(), 2u);
}

TEST_F(WatchStreamTest, AShutdownInACallbackEndsIt) {
  StartServers(1);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));
  // Later than Then, which would otherwise call back at once, where a shutdown may wait.
  SetFaults(R"({"faults": [{"method": "GetUser", "delay": "2s"}]})");
  std::promise<void> returned;

  client_->GetUserAsync(AskFor("u-1")).Then([&](const auto&) {
    client_->Shutdown(30s);
    returned.set_value();
  });

  returned.get_future().wait();
  ASSERT_TRUE(Eventually([&] { return client_->Snapshot().calls_in_flight == 0; }));
  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_EQ(watch.status().code(), StatusCode::kCancelled);
}

TEST_F(WatchStreamTest, CancelEndsIt) {
  StartServers(1);
  Connect();
  CallReport report;
  UserWatch watch = client_->WatchUsers({}, {.report = &report});
  ASSERT_TRUE(watch.WaitStarted(30s));

  watch.Cancel();

  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_EQ(watch.status().code(), StatusCode::kCancelled);
  ASSERT_EQ(report.attempts.size(), 1u);
  EXPECT_EQ(report.attempts[0].peer, "ipv4:" + addresses_[0]);
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

// ---- Whoever waits for the messages of the only stream brings them himself (StreamPump)

TEST_F(WatchStreamTest, AReaderIsNotMadeToRunTheCallbacksOfOthers) {
  StartServers(1);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));
  std::string email;
  std::jthread reader([&] { email = EmailOf(watch.Next()); });

  for (int i = 0; i < 20; ++i) {
    MessageStream<user::v1::ActivityEvent> beside = client_->StreamActivity(ActivityOf("u-1", 1));
    std::promise<std::thread::id> called_on;
    beside.NextAsync().Then([&](const auto&) { called_on.set_value(std::this_thread::get_id()); });
    EXPECT_NE(called_on.get_future().get(), reader.get_id());
  }

  Create(1);
  reader.join();
  EXPECT_EQ(email, "new1@example.com");
}

TEST_F(WatchStreamTest, ReadersThatComeAndGoMissNothing) {
  StartServers(1);
  Connect();
  UserWatch watch = client_->WatchUsers();
  ASSERT_TRUE(watch.WaitStarted(30s));
  std::atomic<bool> stop{false};
  std::atomic<int> walked{0};
  std::vector<std::jthread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      while (!stop) {
        int events = 0;
        for ([[maybe_unused]] const auto& event : client_->StreamActivity(ActivityOf("u-1"))) ++events;
        EXPECT_EQ(events, kActivity + 1);
        ++walked;
      }
    });
  }

  for (int i = 0; i < 300; ++i) {
    Create(i);
    ASSERT_EQ(EmailOf(watch.Next()), absl::StrCat("new", i, "@example.com"));
  }
  EXPECT_TRUE(Eventually([&] { return walked >= 4; }));
  stop = true;
}

TEST_F(WatchStreamTest, AReaderIsWokenByWhatHappensElsewhere) {
  StartServers(1);
  Connect();
  for (int i = 0; i < 20; ++i) {
    UserWatch watch = client_->WatchUsers();
    ASSERT_TRUE(watch.WaitStarted(30s));
    std::jthread canceller([&] { watch.Cancel(); });

    EXPECT_EQ(watch.Next(), std::nullopt);
    EXPECT_EQ(watch.status().code(), StatusCode::kCancelled);
  }
  Kill(0);
  UserWatch waits_for_a_server = client_->WatchUsers();
  std::jthread canceller([&] { waits_for_a_server.Cancel(); });
  EXPECT_EQ(waits_for_a_server.Next(), std::nullopt);
}

TEST_F(WatchStreamTest, AClientMayGoWhileItsReaderWaits) {
  StartServers(1);
  Connect();
  for (int i = 0; i < 20; ++i) {
    UserClient client = ConnectTo(server().address());
    UserWatch watch = client.WatchUsers();
    ASSERT_TRUE(watch.WaitStarted(30s));
    std::jthread leaver([client = std::optional<UserClient>(std::move(client))]() mutable {
      client->Shutdown(10s);
      client.reset();
    });
    EXPECT_EQ(watch.Next(), std::nullopt);
  }
}

}  // namespace
}  // namespace userclient::testing
