// BatchCreateUsers takes what the standard library makes of other ranges.

// Before 16, clang could not compile libstdc++'s views.
#if !defined(__clang__) || __clang_major__ >= 16

#include <gtest/gtest.h>

#include <memory>
#include <ranges>
#include <sstream>
#include <vector>

#include "tests/stream/batch_support.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_batch.h"

namespace userclient::testing {
namespace {

using user::v1::CreateUserRequest;

class BatchViewsTest : public ::testing::Test {
 protected:
  const std::shared_ptr<UserStore> store_ = MakeMemoryUserStore();
  FlakyUserServer server_ = FlakyUserServer::Start({.store = store_}).value();
  const UserClient client_ = ConnectTo(server_.address());
};

TEST_F(BatchViewsTest, TakesAViewThatMakesItsItems) {
  const absl::StatusOr<BatchResult> result =
      client_.BatchCreateUsers(std::views::iota(0, 7) | std::views::transform(NewUserNumber), {.chunk_size = 3});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->created, 7);
}

TEST_F(BatchViewsTest, TakesWhatIsReadFromAStream) {
  std::istringstream numbers("0 1 2 3 4 5 6");

  const absl::StatusOr<BatchResult> result =
      client_.BatchCreateUsers(std::views::istream<int>(numbers) | std::views::transform(NewUserNumber), {.chunk_size = 3});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Emails(*store_).back(), "new6@example.com");
}

TEST_F(BatchViewsTest, GoesOnWithTheRestOfARange) {
  const std::vector<CreateUserRequest> requests = NewUsers(10);

  const absl::StatusOr<BatchResult> result =
      client_.BatchCreateUsers(requests | std::views::drop(4), {.key_prefix = "k", .first_position = 4});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Emails(*store_).front(), "new4@example.com");
}

}  // namespace
}  // namespace userclient::testing

#endif
