#include "tests/chaos/losses.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "userclient/server/user_store.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<UserStore> OpenStore(const std::string& file) {
  absl::StatusOr<std::shared_ptr<UserStore>> store = OpenSqliteUserStore(file);
  if (store.ok()) return *std::move(store);
  std::fprintf(stderr, "chaos: the store cannot be read: %s\n", std::string(store.status().message()).c_str());
  std::exit(1);
}

/// Reads more slowly than the server sends, and looks at the order. The events of a user are numbered from 1: "e-0000000001".
class SlowReader final : public CompanionRun {
 public:
  explicit SlowReader(Caller& caller) : caller_(caller) {}

  Losses Finish() override {
    thread_.request_stop();
    thread_.join();
    return losses_;
  }

 private:
  void Read(const std::stop_token& over) {
    user::v1::StreamActivityRequest request;
    request.set_user_id("u-1");
    const absl::Status status = caller_.StreamActivity(request, over, [this](const auto& event) { Take(event); });
    if (!over.stop_requested()) losses_.broken_off = absl::StatusCodeToString(status.code());
  }

  void Take(const user::v1::ActivityEvent& event) {
    int64_t number = 0;
    const bool numbered = absl::SimpleAtoi(std::string(event.event_id()).substr(2), &number);
    if (!numbered || number <= last_) ++losses_.doubled;
    losses_.lost += std::max<int64_t>(number - last_ - 1, 0);
    last_ = std::max(last_, number);
    losses_.expected = last_;
    std::this_thread::sleep_for(100ms);
  }

  Caller& caller_;
  int64_t last_ = 0;
  Losses losses_;
  std::jthread thread_{[this](const std::stop_token& over) { Read(over); }};
};

/// Changes are made in the store itself, so that none is in doubt.
class Watch final : public CompanionRun {
 public:
  Watch(Caller& caller, const std::string& store_file) : caller_(caller), store_(OpenStore(store_file)) {
    writer_ = std::jthread([this](const std::stop_token& over) { Write(over); });
  }

  Losses Finish() override {
    writer_.request_stop();
    writer_.join();
    const auto limit = Clock::now() + 10s;
    while (seen_ < written_ && !ended_ && Clock::now() < limit) std::this_thread::sleep_for(5ms);
    watcher_.request_stop();
    watcher_.join();
    losses_.expected = written_;
    losses_.lost = written_ - std::ssize(times_seen_);
    return losses_;
  }

 private:
  static std::string EmailOf(int64_t number) { return absl::StrCat("watched", number, "@example.com"); }

  void Read(const std::stop_token& over) {
    const absl::Status status = caller_.WatchUsers(
        over, [this] { started_ = true; }, [this](const auto& change) { Take(change); });
    if (!over.stop_requested()) losses_.broken_off = absl::StatusCodeToString(status.code());
    ended_ = true;
  }

  void Take(const user::v1::WatchUsersResponse& change) {
    const std::string email(change.user().email());
    const int64_t before = std::ssize(times_seen_);
    if (++times_seen_[email] > 1 || email != EmailOf(before)) ++losses_.doubled;
    ++seen_;
  }

  void Write(const std::stop_token& over) {
    while (!started_ && !ended_) std::this_thread::sleep_for(1ms);
    while (!over.stop_requested()) {
      const int64_t number = written_;
      const auto created = store_->CreateAll(std::vector<NewUser>{{.email = EmailOf(number), .display_name = "Watched"}});
      if (created.ok()) ++written_;
      std::this_thread::sleep_for(20ms);
    }
  }

  Caller& caller_;
  const std::shared_ptr<UserStore> store_;
  std::atomic<bool> started_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<int64_t> written_ = 0;
  std::atomic<int64_t> seen_ = 0;
  std::map<std::string, int> times_seen_;
  Losses losses_;
  std::jthread writer_;
  std::jthread watcher_{[this](const std::stop_token& over) { Read(over); }};
};

}  // namespace

Losses CompareWithStore(const Acknowledged& acknowledged, const std::string& store_file) {
  const std::shared_ptr<UserStore> store = OpenStore(store_file);
  std::multimap<std::string, std::string> stored;
  std::map<std::string, int> times_stored;
  PageQuery query{.limit = 1'000};
  for (UserPage page{.more = true}; page.more; query.after = page.last) {
    absl::StatusOr<UserPage> next = store->List(query);
    if (!next.ok()) {
      std::fprintf(stderr, "chaos: the store cannot be read: %s\n", std::string(next.status().message()).c_str());
      std::exit(1);
    }
    page = *std::move(next);
    for (const user::v1::User& user : page.users) {
      if (!user.display_name().starts_with("Chaos ")) continue;
      stored.emplace(std::string(user.email()), std::string(user.user_id()));
      ++times_stored[std::string(user.display_name())];
    }
  }
  Losses losses{.expected = std::ssize(acknowledged)};
  for (const auto& [email, user_id] : acknowledged) {
    const auto found = stored.find(email);
    if (found == stored.end() || found->second != user_id) ++losses.lost;
  }
  for (const auto& [name, times] : times_stored) losses.doubled += times - 1;
  losses.created_unknown = std::ssize(times_stored) - std::ssize(acknowledged) + losses.lost;
  return losses;
}

std::unique_ptr<CompanionRun> StartCompanion(Companion companion, Caller& caller, const Fleet& fleet) {
  switch (companion) {
    case Companion::kNone:
      return nullptr;
    case Companion::kSlowReader:
      return std::make_unique<SlowReader>(caller);
    case Companion::kWatch:
      return std::make_unique<Watch>(caller, fleet.store_file());
  }
  std::abort();
}

}  // namespace userclient::chaos
