// BatchCreateUsers, as gRPC's own stub sees it.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
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
using testing::BatchCall;
using ::testing::ElementsAre;
using testing::EmptyUserStore;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::PlainClient;
using ::testing::SizeIs;
using testing::TemporaryDirectory;
using testing::UserIds;
using testing::ViolationsIn;
using testing::WatchCall;

std::unique_ptr<UserServer> StartServer(UserServerOptions options) {
  options.drain_notice = 0ms;
  return UserServer::Start(std::move(options)).value();
}

std::vector<std::string> IdsOf(const user::v1::BatchCreateUsersResponse& response) {
  std::vector<std::string> ids;
  for (const user::v1::User& user : response.users()) ids.push_back(user.user_id());
  return ids;
}

/// Every failure as "<index> <code> <key>: <message>".
std::vector<std::string> FailuresOf(const user::v1::BatchCreateUsersResponse& response) {
  std::vector<std::string> failures;
  for (const user::v1::BatchCreateFailure& failure : response.failures()) {
    failures.push_back(
        absl::StrCat(failure.index(), " ", failure.code(), " ", failure.idempotency_key(), ": ", failure.message()));
  }
  return failures;
}

/// Both kinds of store.
class BatchCreateTest : public ::testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<UserServer> Start() {
    return StartServer({.store = GetParam() ? OpenSqliteUserStore(directory_ / "users.db").value() : MakeMemoryUserStore()});
  }

 private:
  TemporaryDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(MemoryAndSqlite, BatchCreateTest, ::testing::Bool());

TEST_P(BatchCreateTest, CreatesEveryUserInOrder) {
  auto server = Start();
  PlainClient client(server->address());
  BatchCall batch(client);

  for (int i = 1; i <= 500; ++i) ASSERT_TRUE(batch.Send(absl::StrCat("new", i, "@example.com"), absl::StrCat("k", i), "New"));
  const grpc::Status status = batch.Finish();

  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(IdsOf(batch.response), UserIds(1, 500));
  EXPECT_EQ(batch.response.users(499).email(), "new500@example.com");
  EXPECT_EQ(batch.response.users(499).display_name(), "New");
  EXPECT_THAT(batch.response.failures(), IsEmpty());
  EXPECT_EQ(client.ListUsers(1).response.total_count(), 500);
}

TEST_P(BatchCreateTest, WrongItemsAreReportedAndStopNothing) {
  auto server = Start();
  PlainClient client(server->address());
  ASSERT_THAT(client.CreateUser("taken@example.com", "", "used"), testing::Succeeded());
  BatchCall batch(client);

  batch.Send("ada@example.com", "k0");
  batch.Send("nobody", "k1");
  batch.Send("taken@example.com", "k2");
  batch.Send("bob@example.com", "used");
  batch.Send("ada@example.com", "k4");
  batch.Send("eve@example.com", "k5");
  const grpc::Status status = batch.Finish();

  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(IdsOf(batch.response), ElementsAre("u-2", "u-3"));
  EXPECT_THAT(FailuresOf(batch.response),
              ElementsAre("1 3 k1: email: must be local@domain", "2 6 k2: another user has this email",
                          "3 9 used: this idempotency_key was used for another request; make a new one for each create",
                          "4 6 k4: another user has this email"));
}

TEST_P(BatchCreateTest, RepeatedBatchReturnsTheSameUsers) {
  auto server = Start();
  PlainClient client(server->address());
  std::string answers[2];

  for (std::string& answer : answers) {
    BatchCall batch(client);
    for (int i = 0; i < 100; ++i) batch.Send(absl::StrCat("new", i, "@example.com"), absl::StrCat("k", i));
    ASSERT_TRUE(batch.Finish().ok());
    answer = batch.response.SerializeAsString();
  }

  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_EQ(client.ListUsers(1).response.total_count(), 100);
}

TEST_P(BatchCreateTest, EmptyBatchIsFine) {
  auto server = Start();
  PlainClient client(server->address());
  BatchCall batch(client);

  EXPECT_TRUE(batch.Finish().ok());
  EXPECT_THAT(batch.response.users(), IsEmpty());
}

TEST_P(BatchCreateTest, WatchersSeeItsUsers) {
  auto server = Start();
  PlainClient client(server->address());
  WatchCall watch(client);
  ASSERT_TRUE(watch.ReadPosition());
  BatchCall batch(client);

  for (int i = 0; i < 10; ++i) batch.Send(absl::StrCat("new", i, "@example.com"));
  ASSERT_TRUE(batch.Finish().ok());

  EXPECT_EQ(watch.ReadIds(10), UserIds(1, 10));
}

TEST(BatchCreateLimitTest, ThousandItemsAreTheMost) {
  auto server = StartServer({});
  PlainClient client(server->address());
  BatchCall fits(client);
  BatchCall too_long(client);

  for (int i = 0; i < 1000; ++i) fits.Send(absl::StrCat("new", i, "@example.com"), absl::StrCat("k", i));
  for (int i = 0; i < 1001; ++i) too_long.Send(absl::StrCat("new", i, "@example.com"), absl::StrCat("k", i));
  const grpc::Status status = too_long.Finish();

  EXPECT_TRUE(fits.Finish().ok());
  EXPECT_THAT(fits.response.users(), SizeIs(1000));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(ViolationsIn(status), ElementsAre(Pair("items", "must be at most 1000 in one stream; send the rest in others")));
}

TEST(BatchCreateItemTest, StringThatIsNotUtf8IsAFailureOfItsItem) {
  auto server = StartServer({});
  const grpc::Slice item(std::string("\x0a\x02\xff\xff", 4));

  // On the wire a unary call is a stream of one message.
  const auto outcome = PlainClient(server->address())
                           .CallByName<grpc::ByteBuffer, user::v1::BatchCreateUsersResponse>(
                               "/user.v1.UserService/BatchCreateUsers", grpc::ByteBuffer(&item, 1));

  ASSERT_THAT(outcome, testing::Succeeded());
  EXPECT_THAT(FailuresOf(outcome.response), ElementsAre("0 3 : email: must be valid UTF-8"));
}

/// Its writes wait until they are let go.
class SlowStore final : public EmptyUserStore {
 public:
  absl::StatusOr<std::vector<absl::StatusOr<user::v1::User>>> CreateAll(std::span<const NewUser> users) override {
    let_go.WaitForNotification();
    most_at_once = std::max(most_at_once, users.size());
    return std::vector<absl::StatusOr<user::v1::User>>(users.size(), user::v1::User());
  }
  bool MayBlock() const override { return true; }

  absl::Notification let_go;
  size_t most_at_once = 0;
};

// However many items are waiting to be taken, few are taken ahead of the store.
TEST(BatchCreateFlowTest, SlowStoreIsGivenFewAtOnce) {
  auto store = std::make_shared<SlowStore>();
  auto server = StartServer({.store = store});
  PlainClient client(server->address());
  BatchCall batch(client);
  std::atomic<int> sent{0};
  std::thread sender([&] {
    for (int i = 0; i < 1000; ++i) {
      batch.Send(absl::StrCat("new", i, "@example.com"));
      ++sent;
    }
  });

  ASSERT_TRUE(testing::Await([&] { return sent > 0; }));
  store->let_go.Notify();
  sender.join();

  EXPECT_TRUE(batch.Finish().ok());
  EXPECT_THAT(batch.response.users(), SizeIs(1000));
  EXPECT_LE(store->most_at_once, 64u);
}

TEST(BatchCreateFlowTest, StoreThatCannotWriteFailsTheCall) {
  auto server = StartServer({.store = std::make_shared<EmptyUserStore>()});
  PlainClient client(server->address());
  BatchCall batch(client);
  batch.Send("ada@example.com");

  EXPECT_EQ(batch.Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST(BatchCreateFlowTest, CancellationReleasesEverythingAndKeepsWhatWasCreated) {
  auto server = StartServer({});
  PlainClient client(server->address());
  WatchCall watch(client);
  ASSERT_TRUE(watch.ReadPosition());
  {
    BatchCall batch(client);
    batch.Send("ada@example.com");
    ASSERT_THAT(watch.ReadIds(1), ElementsAre("u-1"));
    batch.context.Cancel();
  }
  watch.context.Cancel();

  EXPECT_TRUE(AwaitNoStreams(*server));
  EXPECT_THAT(client.GetUser("u-1"), testing::Succeeded());
}

}  // namespace
}  // namespace userclient
