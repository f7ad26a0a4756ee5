// What server streams promise, at length: `stream_soak --full` takes some minutes; without it, a tenth of everything.
//
//   a watch brings every change once and in order while the servers that it is on are killed one after the other
//   a thousand watches in one process cost little memory and no threads

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/temporary_directory.h"
#include "tests/stream/own_loopback.h"
#include "tests/stream/store_server.h"
#include "tests/support/test_client.h"
#include "userclient/server/user_store.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;

bool full = false;

std::string Config(int watches = 1) {
  return absl::StrCat(R"({"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{"name": [{}], "timeout": "600s"}],
      "userclient": {"bulkheads": [{"name": "streams", "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": )",
                      watches, "}]}}");
}

std::string EmailOf(int64_t number) { return absl::StrCat("soak", number, "@example.org"); }

/// In transactions of many, as durable as if each had been made on its own.
void CreateUsers(UserStore& store, int64_t begin, int64_t end) {
  constexpr int64_t kAtOnce = 100;
  while (begin < end) {
    std::vector<NewUser> users;
    for (; begin < end && std::ssize(users) < kAtOnce; ++begin)
      users.push_back({.email = EmailOf(begin), .display_name = "Soak"});
    const auto created = store.CreateAll(users);
    ASSERT_TRUE(created.ok()) << created.status();
  }
}

/// A number out of /proc/self/status, for example "VmRSS".
int64_t OfThisProcess(std::string_view what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(absl::StrCat(std::string(what), ":"))) return std::stoll(line.substr(what.size() + 1));
  }
  ADD_FAILURE() << "/proc/self/status tells nothing of " << what;
  return 0;
}

TEST(StreamSoak, ManyWatchesCostLittleMemoryAndNoThreads) {
  const int watches = full ? 1000 : 100;
  constexpr int kFirst = 10;
  const TemporaryDirectory directory;
  const std::string file = (directory / "users.db").string();
  const std::shared_ptr<UserStore> store = OpenSqliteUserStore(file).value();
  const StoreServer server(OwnLoopback(), file);
  const UserClient client = ConnectTo(server.address(), Config(watches));
  std::vector<UserWatch> open;
  open.reserve(static_cast<size_t>(watches));
  const auto open_until = [&](int count) {
    const auto begin = std::ssize(open);
    while (std::ssize(open) < count) open.push_back(client.WatchUsers());
    for (auto i = begin; i < count; ++i) ASSERT_TRUE(open[static_cast<size_t>(i)].WaitStarted(60s));
  };

  // What the first ones need is there for all.
  open_until(kFirst);
  const int64_t memory_before = OfThisProcess("VmRSS");
  const int64_t threads_before = OfThisProcess("Threads");
  open_until(watches);
  const int64_t memory = OfThisProcess("VmRSS") - memory_before;
  const int64_t threads = OfThisProcess("Threads");
  CreateUsers(*store, 0, 1);

  for (UserWatch& watch : open) {
    const std::optional<UserWatch::Change> change = watch.Next();
    ASSERT_TRUE(change) << watch.status();
    ASSERT_EQ(change->user().email(), EmailOf(0));
  }
  const double of_one = static_cast<double>(memory) / (watches - kFirst);
  std::cout << watches << " watches: " << of_one << " KiB each, " << threads << " threads (" << threads_before << " with "
            << kFirst << ")" << std::endl;
#ifndef __SANITIZE_ADDRESS__  // Which keeps what was freed, and puts a zone around everything.
  EXPECT_LT(of_one, 64);
#endif
  EXPECT_LT(threads, threads_before + kFirst);
}

TEST(StreamSoak, AWatchBringsEveryChangeOnceWhileServersAreKilled) {
  const int64_t changes = full ? 100'000 : 10'000;
  const int deaths = full ? 20 : 4;
  const TemporaryDirectory directory;
  const std::string file = (directory / "users.db").string();
  const std::shared_ptr<UserStore> store = OpenSqliteUserStore(file).value();
  StoreServer first(OwnLoopback(), file);
  StoreServer second(OwnLoopback(), file);
  const UserClient client = ConnectTo(absl::StrCat("ipv4:", first.address(), ",", second.address()), Config());
  CallReport report;
  UserWatch watch = client.WatchUsers({}, {.report = &report});
  ASSERT_TRUE(watch.WaitStarted(60s)) << watch.status();

  const auto began = std::chrono::steady_clock::now();
  std::atomic<int64_t> received = 0;
  std::atomic<int> died = 0;
  const int64_t step = changes / (deaths + 1);
  // One server dies in the midst of each stretch. The next one begins when the other server has taken over for sure.
  const auto wait = [](const auto& value, auto least, const std::stop_token& over) {
    for (auto seen = value.load(); seen < least && !over.stop_requested(); seen = value.load()) value.wait(seen);
    return !over.stop_requested();
  };
  std::jthread writer([&](const std::stop_token& over) {
    for (int64_t begin = 0; begin < changes;) {
      const int64_t end = changes - begin < 2 * step ? changes : begin + step;
      CreateUsers(*store, begin, end);
      begin = end;
      if (!wait(received, end, over) || !wait(died, static_cast<int>(end < changes ? end / step : deaths), over)) return;
    }
  });
  std::jthread killer([&](const std::stop_token& over) {
    for (int death = 0; death < deaths; ++death) {
      if (!wait(received, step * death + step / 2, over)) return;
      (death % 2 == 0 ? first : second).KillAndReplace();
      died = death + 1;
      died.notify_all();
    }
  });
  const auto stop = [&] {
    writer.request_stop();
    killer.request_stop();
    received = changes;
    died = deaths;
    received.notify_all();
    died.notify_all();
  };
  for (int64_t next = 0; next < changes; ++next) {
    const std::optional<UserWatch::Change> change = watch.Next();
    if (!change || change->user().email() != EmailOf(next)) {
      ADD_FAILURE() << "lost, doubled or out of order: number " << next << ", " << watch.status();
      stop();
      return;
    }
    received = next + 1;
    received.notify_all();
  }
  const auto took = std::chrono::steady_clock::now() - began;
  writer.join();
  killer.join();
  // Nothing follows: the position is that of the last change.
  const std::string token = watch.resume_token();
  watch.Cancel();
  EXPECT_EQ(watch.Next(), std::nullopt);

  user::v1::WatchUsersRequest rest;
  rest.set_resume_token(token);
  UserWatch after = client.WatchUsers(rest);
  CreateUsers(*store, changes, changes + 1);
  const std::optional<UserWatch::Change> one_more = after.Next();
  ASSERT_TRUE(one_more) << after.status();
  EXPECT_EQ(one_more->user().email(), EmailOf(changes));
  const auto resumes = std::ssize(report.attempts) - 1;
  EXPECT_GE(resumes, deaths / 4) << "the servers that died were not those that the watch was on";
  std::cout << changes << " changes, " << deaths << " servers killed, resumed " << resumes << " times, "
            << std::chrono::duration<double>(took).count() << " s" << std::endl;
}

}  // namespace
}  // namespace userclient::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  userclient::testing::full = argc > 1 && std::string_view(argv[1]) == "--full";
  return RUN_ALL_TESTS();
}
