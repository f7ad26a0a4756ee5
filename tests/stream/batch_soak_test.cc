// Exactly once: users are created by batches while the server processes are killed over and over.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/temporary_directory.h"
#include "tests/stream/batch_support.h"
#include "tests/stream/own_loopback.h"
#include "tests/stream/store_server.h"
#include "tests/support/test_client.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;

/// A chunk outlives a server that is away for a second.
std::string Config() {
  return RetryConfig({.max_attempts = 10,
                      .initial_backoff = "0.05s",
                      .max_backoff = "1s",
                      .codes = R"("UNAVAILABLE", "DEADLINE_EXCEEDED")",
                      .more = R"(, "perAttemptRecvTimeout": "10s")"},
                     R"(, "loadBalancingConfig": [{"round_robin": {}}])");
}

TEST(BatchSoakTest, EveryUserIsCreatedOnceWhileServersAreKilled) {
  constexpr int64_t kUsers = BATCH_SOAK_USERS;
  // Whenever so many more are done, the one or the other server dies.
  constexpr int64_t kStep = std::max<int64_t>(kUsers / 100, 250);
  const TemporaryDirectory directory;
  const std::string store = directory / "users.db";
  StoreServer first(OwnLoopback(), store);
  StoreServer second(OwnLoopback(), store);
  const UserClient client = ConnectTo(absl::StrCat("ipv4:", first.address(), ",", second.address()), Config());

  std::atomic<int64_t> settled = 0;
  std::atomic<int> kills = 0;
  std::atomic<int> failed_batches = 0;
  std::jthread killer([&](const std::stop_token& over) {
    for (int64_t next = kStep / 2; !over.stop_requested(); next += kStep) {
      for (int64_t seen = settled; seen < next; seen = settled) settled.wait(seen);
      if (over.stop_requested()) return;
      (kills % 2 == 0 ? first : second).KillAndReplace();
      ++kills;
      kills.notify_all();
    }
  });

  // A batch that a chunk ends for good is gone on with, as its caller would.
  const auto began = std::chrono::steady_clock::now();
  BatchPosition at = {.key_prefix = "soak/"};
  absl::StatusOr<BatchResult> result = absl::UnavailableError("not begun");
  CallReport report;
  int sent_again = 0;
  const BatchOptions options = {.chunk_size = 100,
                                .key_prefix = at.key_prefix,
                                .on_item = [&](const BatchItem& item) { EXPECT_TRUE(item.user.ok()) << item.user.status(); },
                                .on_progress =
                                    [&](const BatchPosition& position) {
                                      if (report.attempts.size() > 1) ++sent_again;
                                      settled = position.next;
                                      settled.notify_all();
                                      // The next death is due only when what died last has been replaced.
                                      const int64_t due = (position.next + kStep / 2) / kStep;
                                      for (int seen = kills; seen + 1 < due; seen = kills) kills.wait(seen);
                                    }};
  while (true) {
    BatchOptions rest = options;
    rest.first_position = at.next;
    result = client.BatchCreateUsers(MadeUsers(at.next, kUsers), rest, {.report = &report});
    if (result.ok()) break;
    ASSERT_LT(++failed_batches, 100) << result.status();
    at = *BatchPositionOf(result.status());
  }
  const auto took = std::chrono::steady_clock::now() - began;
  killer.request_stop();
  settled = std::numeric_limits<int64_t>::max();
  settled.notify_all();
  killer.join();

  std::set<std::string> emails;
  int64_t listed = 0;
  UserList users = client.ListAllUsers([] {
    user::v1::ListUsersRequest request;
    request.set_page_size(1000);
    return request;
  }());
  for (const user::v1::User& user : users) {
    ++listed;
    emails.insert(std::string(user.email()));
  }
  ASSERT_TRUE(users.status().ok()) << users.status();
  EXPECT_EQ(users.total_count(), kUsers);
  EXPECT_EQ(listed, kUsers);
  EXPECT_EQ(emails.size(), static_cast<size_t>(kUsers));
  EXPECT_GE(kills, kUsers / kStep - 1);
  EXPECT_GE(sent_again + failed_batches, 1) << "no server died while it was creating users";
  std::cout << kUsers << " users, " << kills << " servers killed, " << sent_again << " chunks sent again, " << failed_batches
            << " batches gone on with, " << std::chrono::duration<double>(took).count() << " s" << std::endl;
}

}  // namespace
}  // namespace userclient::testing
