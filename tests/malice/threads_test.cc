// A process that may have no more threads: an error, and no call that nobody ends.

#include <grpc/grpc.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/user_client.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;

/// While it lives, this process gets no more threads, or only a few.
class ThreadShortage {
 public:
  explicit ThreadShortage(rlim_t spare) {
    EXPECT_EQ(getrlimit(RLIMIT_NPROC, &before_), 0);
    rlimit lower = before_;
    lower.rlim_cur = spare + 1;
    EXPECT_EQ(setrlimit(RLIMIT_NPROC, &lower), 0);
    // The limit does not hold for root, so that it becomes a user of whom there is nothing else.
    if (geteuid() == 0) possible_ = setresuid(kNobodyElse, kNobodyElse, 0) == 0;
  }
  ~ThreadShortage() {
    if (getuid() == kNobodyElse) {
      EXPECT_EQ(setresuid(0, 0, 0), 0);
    }
    EXPECT_EQ(setrlimit(RLIMIT_NPROC, &before_), 0);
  }
  ThreadShortage(const ThreadShortage&) = delete;
  ThreadShortage& operator=(const ThreadShortage&) = delete;

  bool possible() const { return possible_; }
  /// Whether all of them are this process's to take.
  bool exact() const { return getuid() == kNobodyElse; }

 private:
  static constexpr uid_t kNobodyElse = 64999;

  bool possible_ = true;
  rlimit before_{};
};

/// How many threads there are still.
class FewThreadsTest : public ::testing::TestWithParam<int> {};

// With none, gRPC 1.51 never ends its start; with three, it starts, and nobody would bring the answers of asynchronous calls.
TEST_P(FewThreadsTest, RefuseTheFirstClientOfAProcessAndNotTheNextOne) {
  // Of gRPC: what a test before this one has left ends by and by.
  ASSERT_TRUE(Eventually([] { return grpc_is_initialized() == 0; }));
  const ClientOptions options = {.target = "127.0.0.1:1", .credentials = Credentials::Insecure()};
  std::optional<ThreadShortage> shortage(std::in_place, GetParam());
  if (!shortage->possible()) GTEST_SKIP() << "the limit does not hold here: root, and no right to be somebody else";

  const absl::StatusOr<UserClient> refused = UserClient::Create(options);
  shortage.reset();

  EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted) << refused.status();
  EXPECT_EQ(UserClient::Create(options).status(), absl::OkStatus());
}

// Each looks whether there are enough, and finds none that another has taken only to look.
TEST(ManyCreatorsTest, NeedNoMoreThreadsThanOne) {
  constexpr int kCreators = 16;
  std::vector<absl::Status> created(kCreators);
  absl::Notification begin;
  std::vector<std::thread> creators;
  creators.reserve(kCreators);
  for (absl::Status& status : created) {
    creators.emplace_back([&] {
      begin.WaitForNotification();
      status = UserClient::Create({.target = "127.0.0.1:1", .credentials = Credentials::Insecure()}).status();
    });
  }
  std::optional<ThreadShortage> shortage(std::in_place, 60);
  const bool exact = shortage->exact();

  begin.Notify();
  for (std::thread& creator : creators) creator.join();
  shortage.reset();

  if (!exact) GTEST_SKIP() << "only root can become a user who has no other threads";
  for (const absl::Status& status : created) EXPECT_EQ(status, absl::OkStatus());
}

INSTANTIATE_TEST_SUITE_P(, FewThreadsTest, ::testing::Values(0, 3));

}  // namespace
}  // namespace userclient::testing
