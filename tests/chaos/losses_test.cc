#include "tests/chaos/losses.h"

#include <functional>
#include <future>
#include <memory>
#include <stop_token>
#include <string>

#include "gtest/gtest.h"
#include "tests/chaos/companions.h"
#include "tests/server/temporary_directory.h"

namespace userclient::chaos {
namespace {

/// As Load creates them. The user ID.
std::string Create(UserStore& store, const std::string& email, const std::string& name) {
  const absl::StatusOr<user::v1::User> user = store.Create({.email = email, .display_name = name});
  EXPECT_TRUE(user.ok()) << user.status();
  return user->user_id();
}

class CompareWithStoreTest : public ::testing::Test {
 protected:
  CompareWithStoreTest() { EXPECT_TRUE(store_->Seed(10).ok()); }

  const std::shared_ptr<UserStore> store_ = MakeMemoryUserStore();
};

TEST_F(CompareWithStoreTest, FindsWhatWasAcknowledged) {
  Creations creations{.asked = 1};
  creations.acknowledged["a@example.com"] = Create(*store_, "a@example.com", "Chaos 1");

  const Losses losses = CompareWithStore(creations, *store_);

  EXPECT_EQ(losses.asked, 1);
  EXPECT_EQ(losses.expected, 1);
  EXPECT_EQ(losses.lost, 0);
  EXPECT_EQ(losses.doubled, 0);
  EXPECT_EQ(losses.created_unknown, 0);
}

TEST_F(CompareWithStoreTest, MissesWhatIsNotThere) {
  const Losses losses = CompareWithStore({.asked = 1, .acknowledged = {{"a@example.com", "u-11"}}}, *store_);

  EXPECT_EQ(losses.lost, 1);
}

TEST_F(CompareWithStoreTest, MissesWhatIsThereByAnotherId) {
  Create(*store_, "a@example.com", "Chaos 1");

  const Losses losses = CompareWithStore({.asked = 1, .acknowledged = {{"a@example.com", "somebody else"}}}, *store_);

  EXPECT_EQ(losses.lost, 1);
}

TEST_F(CompareWithStoreTest, CountsWhatIsThereTwice) {
  Creations creations{.asked = 1};
  creations.acknowledged["a@example.com"] = Create(*store_, "a@example.com", "Chaos 1");
  Create(*store_, "b@example.com", "Chaos 1");

  EXPECT_EQ(CompareWithStore(creations, *store_).doubled, 1);
}

TEST_F(CompareWithStoreTest, CountsWhatWasMadeTwiceAndRefusedOnce) {
  Create(*store_, "a@example.com", "Chaos 1");

  const Losses losses = CompareWithStore({.asked = 1, .already_there = 1}, *store_);

  EXPECT_EQ(losses.doubled, 1);
  EXPECT_EQ(losses.created_unknown, 1);
}

TEST_F(CompareWithStoreTest, CountsWhatIsThereThoughSaidToHaveFailed) {
  Create(*store_, "a@example.com", "Chaos 1");

  const Losses losses = CompareWithStore({.asked = 1}, *store_);

  EXPECT_EQ(losses.created_unknown, 1);
  EXPECT_EQ(losses.doubled, 0);
}

TEST_F(CompareWithStoreTest, DoesNotTakeTheFirstPageForAll) {
  Creations creations{.asked = 2'500};
  for (int number = 0; number < 2'500; ++number) {
    const std::string email = "chaos" + std::to_string(number) + "@example.com";
    creations.acknowledged[email] = Create(*store_, email, "Chaos " + std::to_string(number));
  }

  EXPECT_EQ(CompareWithStore(creations, *store_).lost, 0);
}

/// Whose watch never starts, and ends only when it is stopped.
class SilentCaller final : public Caller {
 public:
  void GetUser(const user::v1::GetUserRequest&, Timeout, std::function<void(const absl::Status&)> done) override {
    done(absl::UnimplementedError("nobody gets users"));
  }
  absl::Status GetUserBlocking(const user::v1::GetUserRequest&, Timeout) override {
    return absl::UnimplementedError("nobody gets users");
  }
  void CreateUser(const user::v1::CreateUserRequest&, Timeout,
                  std::function<void(const absl::StatusOr<user::v1::CreateUserResponse>&)> done) override {
    done(absl::UnimplementedError("nobody creates users"));
  }
  absl::Status StreamActivity(const user::v1::StreamActivityRequest&, const std::stop_token&,
                              const Take<user::v1::ActivityEvent>&) override {
    return absl::UnavailableError("there is no stream");
  }
  absl::Status WatchUsers(const std::stop_token& over, const std::function<void()>&,
                          const Take<user::v1::WatchUsersResponse>&) override {
    std::promise<void> stopped;
    const std::stop_callback stop(over, [&] { stopped.set_value(); });
    stopped.get_future().wait();
    return absl::CancelledError("stopped");
  }
};

TEST(CompanionTest, SaysThatAWatchNeverStarted) {
  const testing::TemporaryDirectory directory;
  SilentCaller caller;

  const Losses losses = StartCompanion(Companion::kWatch, caller, (directory / "users.db").string())->Finish();

  EXPECT_EQ(losses.broken_off, "never started");
  EXPECT_EQ(losses.expected, 0);
}

}  // namespace
}  // namespace userclient::chaos
