#include "tests/chaos/companions.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/chaos/open_store.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;

/// Reads more slowly than the server sends, and looks at the order. The events of a user are numbered from 1: "e-0000000001".
class SlowReader final : public CompanionRun {
 public:
  explicit SlowReader(Caller& caller) : caller_(caller) {}

  Losses Finish() override {
    losses_.asked = (Clock::now() - begun_) / kBetweenEvents;
    thread_.request_stop();
    thread_.join();
    return losses_;
  }

 private:
  static constexpr auto kBetweenEvents = 100ms;

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
    std::this_thread::sleep_for(kBetweenEvents);
  }

  Caller& caller_;
  const Clock::time_point begun_ = Clock::now();
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
    const bool started = started_;
    const auto limit = Clock::now() + 10s;
    while (started && seen_ < written_ && !ended_ && Clock::now() < limit) std::this_thread::sleep_for(5ms);
    watcher_.request_stop();
    watcher_.join();
    losses_.asked = asked_;
    losses_.expected = written_;
    losses_.lost = written_ - std::ssize(times_seen_);
    if (!started && losses_.broken_off.empty()) losses_.broken_off = "never started";
    return losses_;
  }

 private:
  static constexpr auto kBetweenChanges = 20ms;

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
    while (!started_ && !ended_ && !over.stop_requested()) std::this_thread::sleep_for(1ms);
    for (Clock::time_point due = Clock::now(); !over.stop_requested(); due += kBetweenChanges) {
      std::this_thread::sleep_until(due);
      ++asked_;
      const auto created = store_->CreateAll(std::vector<NewUser>{{.email = EmailOf(written_), .display_name = "Watched"}});
      if (created.ok()) ++written_;
    }
  }

  Caller& caller_;
  const std::shared_ptr<UserStore> store_;
  std::atomic<bool> started_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<int64_t> asked_ = 0;
  std::atomic<int64_t> written_ = 0;
  std::atomic<int64_t> seen_ = 0;
  std::map<std::string, int> times_seen_;
  Losses losses_;
  std::jthread writer_;
  std::jthread watcher_{[this](const std::stop_token& over) { Read(over); }};
};

}  // namespace

std::unique_ptr<CompanionRun> StartCompanion(Companion companion, Caller& caller, const std::string& store_file) {
  switch (companion) {
    case Companion::kNone:
      return nullptr;
    case Companion::kSlowReader:
      return std::make_unique<SlowReader>(caller);
    case Companion::kWatch:
      return std::make_unique<Watch>(caller, store_file);
  }
  std::abort();
}

}  // namespace userclient::chaos
