// LookupUsers, as gRPC's own stub sees it.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/counting_user_store.h"
#include "tests/server/empty_user_store.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "tests/server/stream_client.h"
#include "tests/server/temporary_directory.h"
#include "userclient/server/user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::AwaitNoStreams;
using testing::CountingUserStore;
using ::testing::ElementsAre;
using testing::EmptyUserStore;
using testing::IsOk;
using testing::LookupCall;
using ::testing::Pair;
using testing::PlainClient;
using testing::TemporaryDirectory;
using testing::ViolationsIn;

std::unique_ptr<UserServer> StartServer(UserServerOptions options) {
  options.drain_notice = 0ms;
  return UserServer::Start(std::move(options)).value();
}

TEST(LookupStreamTest, AnswersWithTheUserOrThatThereIsNone) {
  auto server = StartServer({.seed_users = 2});
  PlainClient client(server->address());
  LookupCall lookup(client);

  lookup.Ask("u-2");
  lookup.Ask("u-9");
  lookup.Ask("x");
  const auto known = lookup.Next();
  const auto unknown = lookup.Next();
  const auto odd = lookup.Next();

  ASSERT_TRUE(known && unknown && odd);
  EXPECT_EQ(known->user_id(), "u-2");
  EXPECT_EQ(known->user().email(), "user2@example.com");
  EXPECT_EQ(unknown->user_id(), "u-9");
  EXPECT_TRUE(unknown->not_found());
  EXPECT_EQ(odd->user_id(), "x");
  EXPECT_TRUE(odd->not_found());
  EXPECT_TRUE(lookup.Finish().ok());
  EXPECT_TRUE(AwaitNoStreams(*server));
}

TEST(LookupStreamTest, ManyPipelinedRequestsAreAnsweredInOrder) {
  TemporaryDirectory directory;
  auto server = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value(), .seed_users = 500});
  PlainClient client(server->address());
  LookupCall lookup(client);
  std::thread asker([&] {
    for (int i = 1; i <= 2000; ++i) lookup.Ask(absl::StrCat("u-", i));
    lookup.stream->WritesDone();
  });

  for (int i = 1; i <= 2000; ++i) {
    const auto answer = lookup.Next();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->user_id(), absl::StrCat("u-", i));
    EXPECT_EQ(answer->has_user(), i <= 500);
  }
  asker.join();

  EXPECT_FALSE(lookup.Next().has_value());
  EXPECT_TRUE(lookup.stream->Finish().ok());
}

TEST(LookupStreamTest, HalfCloseWithoutARequestEndsWell) {
  auto server = StartServer({});
  PlainClient client(server->address());
  LookupCall lookup(client);

  EXPECT_TRUE(lookup.Finish().ok());
}

TEST(LookupStreamTest, WrongRequestEndsItAfterTheAnswersBefore) {
  auto server = StartServer({.seed_users = 1});
  PlainClient client(server->address());
  LookupCall lookup(client);

  lookup.Ask("u-1");
  lookup.Ask("");

  EXPECT_EQ(lookup.Next()->user_id(), "u-1");
  EXPECT_FALSE(lookup.Next().has_value());
  const grpc::Status status = lookup.stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(ViolationsIn(status), ElementsAre(Pair("user_id", "is required")));
}

/// Its reads wait until they are let go.
class WaitingStore final : public EmptyUserStore {
 public:
  absl::StatusOr<user::v1::User> Get(std::string_view) override {
    ++asked;
    let_go.WaitForNotification();
    return user::v1::User();
  }
  bool MayBlock() const override { return true; }

  std::atomic<int> asked{0};
  absl::Notification let_go;
};

TEST(LookupStreamTest, RequestsAreTakenWhileEarlierOnesAreLookedUp) {
  auto store = std::make_shared<WaitingStore>();
  auto server = StartServer({.store = store});
  PlainClient client(server->address());
  LookupCall lookup(client);

  for (int i = 0; i < 10; ++i) ASSERT_TRUE(lookup.Ask(absl::StrCat("u-", i)));
  ASSERT_TRUE(testing::Await([&] { return store->asked == 1; }));
  store->let_go.Notify();

  for (int i = 0; i < 10; ++i) EXPECT_EQ(lookup.Next()->user_id(), absl::StrCat("u-", i));
  EXPECT_TRUE(lookup.Finish().ok());
}

// A client that asks and does not read comes to a halt, and so does the server.
TEST(LookupStreamTest, ClientThatDoesNotReadHoldsTheServerBack) {
  constexpr int kRequests = 20'000;
  auto store = std::make_shared<CountingUserStore>(MakeMemoryUserStore());
  auto server = StartServer({.store = store, .seed_users = 1});
  auto stub = user::v1::UserService::NewStub(testing::MakeChannelWithFixedWindow(server->address()));
  PlainClient other(server->address());
  LookupCall lookup(*stub);
  std::thread asker([&] {
    for (int i = 0; i < kRequests; ++i) {
      if (!lookup.Ask("u-1")) return;
    }
    lookup.stream->WritesDone();
  });
  ASSERT_TRUE(testing::Await([&] { return store->users_read > 0; }));

  // Stalled: nothing was looked up while another client was served many times.
  int64_t looked_up = -1;
  while (looked_up != store->users_read) {
    looked_up = store->users_read;
    for (int i = 0; i < 200; ++i) other.Health("");
  }
  int answers = 0;
  while (lookup.Next()) ++answers;
  asker.join();

  // The windows of HTTP/2 hold some thousand answers of this size.
  EXPECT_LT(looked_up, kRequests / 4);
  EXPECT_EQ(answers, kRequests);
  EXPECT_TRUE(lookup.stream->Finish().ok());
}

TEST(LookupStreamTest, CancellationReleasesEverything) {
  auto store = std::make_shared<WaitingStore>();
  auto server = StartServer({.store = store});
  PlainClient client(server->address());
  {
    LookupCall idle(client);
    LookupCall busy(client);
    busy.Ask("u-1");
    ASSERT_TRUE(testing::Await([&] { return store->asked == 1 && server->open_streams() == 2; }));
    idle.context.Cancel();
    busy.context.Cancel();
    EXPECT_EQ(busy.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_TRUE(testing::Await([&] { return server->counters("LookupUsers").ended[absl::StatusCode::kCancelled] > 0; }))
      << "the end does not wait for the store";
  store->let_go.Notify();

  EXPECT_TRUE(AwaitNoStreams(*server));
}

TEST(LookupStreamTest, DrainEndsItOnceAllIsAnswered) {
  auto server = StartServer({.seed_users = 1});
  PlainClient client(server->address());
  LookupCall lookup(client);
  lookup.Ask("u-1");
  ASSERT_TRUE(lookup.Next().has_value());

  EXPECT_THAT(server->Shutdown(30s), IsOk());

  EXPECT_FALSE(lookup.Next().has_value());
  EXPECT_EQ(lookup.stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

/// Fails for one user.
class FailingStore final : public EmptyUserStore {
 public:
  absl::StatusOr<user::v1::User> Get(std::string_view user_id) override {
    if (user_id == "u-3") return absl::UnavailableError("the disk is away");
    return user::v1::User();
  }
};

TEST(LookupStreamTest, StoreThatFailsEndsItAfterTheAnswersBefore) {
  auto server = StartServer({.store = std::make_shared<FailingStore>()});
  PlainClient client(server->address());
  LookupCall lookup(client);
  for (int i = 1; i <= 5; ++i) lookup.Ask(absl::StrCat("u-", i));

  EXPECT_EQ(lookup.Next()->user_id(), "u-1");
  EXPECT_EQ(lookup.Next()->user_id(), "u-2");
  EXPECT_FALSE(lookup.Next().has_value());
  EXPECT_EQ(lookup.stream->Finish().error_message(), "the disk is away");
}

}  // namespace
}  // namespace userclient
