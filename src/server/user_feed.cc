#include "server/user_feed.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/activity_log.h"
#include "server/resume_token.h"
#include "user/v1/user_service.pb.h"

namespace userclient::internal {
namespace {

/// How often the store is asked whether somebody else has changed it.
constexpr std::chrono::milliseconds kPollInterval(50);
constexpr int kChangesARead = 256;
constexpr size_t kKeptChanges = 1024;

grpc::ByteBuffer BufferOfMessage(const user::v1::WatchUsersResponse& message) { return BufferOf(message.SerializeAsString()); }

/// A store is free to throw; the thread of the feed must not end with it.
template <typename Function>
auto WithoutThrowing(Function function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("the store threw: ", error.what()));
  } catch (...) {
    return absl::InternalError("the store threw");
  }
}

}  // namespace

UserFeed::UserFeed(std::shared_ptr<UserStore> store, std::chrono::nanoseconds heartbeat)
    : store_(std::move(store)), heartbeat_(heartbeat), feed_id_(store_->feed_id()) {}

UserFeed::~UserFeed() { Stop(); }

absl::StatusOr<std::unique_ptr<UserFeed::Subscription>> UserFeed::Subscribe(const std::shared_ptr<UserFeed>& feed,
                                                                            std::optional<int64_t> after) {
  absl::StatusOr<int64_t> last = feed->store_->LastChange();
  if (!last.ok()) return last.status();
  if (after && *after > *last) return BeyondTheFeed();
  absl::MutexLock lock(&feed->mutex_);
  if (feed->subscriptions_++ == 0) {
    // Nobody has read on since the last subscription ended; what was kept is of no use.
    feed->kept_.clear();
    feed->broken_ = absl::OkStatus();
    feed->kept_after_ = feed->kept_until_ = std::max(*last, feed->kept_until_);
  }
  if (!feed->thread_.joinable() && !feed->stopped_) feed->thread_ = std::thread([&feed = *feed] { feed.Run(); });
  return std::unique_ptr<Subscription>(new Subscription(feed, after.value_or(*last)));
}

void UserFeed::Unsubscribe() {
  absl::MutexLock lock(&mutex_);
  --subscriptions_;
}

absl::StatusOr<UserFeed::Next> UserFeed::After(int64_t position, const std::shared_ptr<StreamCall>& watcher) {
  absl::MutexLock lock(&mutex_);
  if (!broken_.ok()) return broken_;
  if (position < kept_after_) return Next{.behind = true};
  if (position < kept_until_) {
    const auto entry = std::upper_bound(kept_.begin(), kept_.end(), position,
                                        [](int64_t sequence, const Entry& kept) { return sequence < kept.sequence; });
    return Next{.entry = *entry};
  }
  if (!places_.contains(watcher.get())) {
    waiting_.push_back({watcher, std::chrono::steady_clock::now()});
    places_.emplace(watcher.get(), std::prev(waiting_.end()));
  }
  return Next();
}

void UserFeed::Forget(StreamCall* watcher) {
  // Destroyed without the lock: it may be the last owner of a watcher.
  std::list<Waiting> forgotten;
  absl::MutexLock lock(&mutex_);
  const auto place = places_.find(watcher);
  if (place == places_.end()) return;
  forgotten.splice(forgotten.end(), waiting_, place->second);
  places_.erase(place);
}

absl::StatusOr<std::deque<UserFeed::Entry>> UserFeed::Load(int64_t position) {
  constexpr int kChangesAPage = 64;
  absl::StatusOr<std::vector<UserChange>> changes = store_->Changes(position, kChangesAPage);
  if (!changes.ok()) return changes.status();
  if (changes->empty()) return absl::InternalError("the store does not have the changes that it had");
  std::deque<Entry> entries;
  for (const UserChange& change : *changes) entries.push_back(EntryOf(change));
  return entries;
}

UserFeed::Entry UserFeed::EntryOf(const UserChange& change) const {
  user::v1::WatchUsersResponse message;
  *message.mutable_user() = change.user;
  message.set_kind(change.kind);
  message.set_resume_token(EncodeResumeToken({.feed_id = feed_id_, .after = change.sequence}));
  return {change.sequence, BufferOfMessage(message)};
}

grpc::ByteBuffer UserFeed::PositionMessage(int64_t position) const {
  user::v1::WatchUsersResponse message;
  message.set_resume_token(EncodeResumeToken({.feed_id = feed_id_, .after = position}));
  return BufferOfMessage(message);
}

void UserFeed::Notify() {
  absl::MutexLock lock(&mutex_);
  notified_ = true;
}

void UserFeed::Stop() {
  std::thread thread;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void UserFeed::Run() {
  const auto interval = absl::FromChrono(std::min<std::chrono::nanoseconds>(kPollInterval, heartbeat_ / 2));
  const auto watched = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopped_ || subscriptions_ > 0; };
  const auto called = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopped_ || notified_; };
  while (true) {
    int64_t after = 0;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&watched));
      mutex_.AwaitWithTimeout(absl::Condition(&called), interval);
      if (stopped_) return;
      notified_ = false;
      after = kept_until_;
    }
    while (ReadOn(after)) {
      absl::MutexLock lock(&mutex_);
      if (stopped_) return;
      after = kept_until_;
    }
    WakeThoseDue();
  }
}

bool UserFeed::ReadOn(int64_t after) {
  const absl::StatusOr<std::vector<UserChange>> changes =
      WithoutThrowing([this, after]() -> absl::StatusOr<std::vector<UserChange>> {
        absl::StatusOr<int64_t> last = store_->LastChange();
        if (!last.ok()) return last.status();
        if (*last <= after) return std::vector<UserChange>();
        return store_->Changes(after, kChangesARead);
      });
  std::vector<Entry> entries;
  if (changes.ok()) {
    for (const UserChange& change : *changes) entries.push_back(EntryOf(change));
  }

  std::list<Waiting> woken;
  {
    absl::MutexLock lock(&mutex_);
    broken_ = changes.status();
    for (Entry& entry : entries) {
      // A new first subscription may have come in between and set the position anew.
      if (entry.sequence <= kept_until_) continue;
      kept_until_ = entry.sequence;
      kept_.push_back(std::move(entry));
    }
    for (; kept_.size() > kKeptChanges; kept_.pop_front()) kept_after_ = kept_.front().sequence;
    if (!entries.empty() || !changes.ok()) woken = TakeAll();
  }
  for (const Waiting& waiting : woken) waiting.watcher->Turn();
  return !entries.empty();
}

std::list<UserFeed::Waiting> UserFeed::TakeAll() {
  places_.clear();
  return std::exchange(waiting_, {});
}

void UserFeed::WakeThoseDue() {
  const auto due = std::chrono::steady_clock::now() - heartbeat_;
  std::list<Waiting> woken;
  {
    absl::MutexLock lock(&mutex_);
    while (!waiting_.empty() && waiting_.front().since <= due) {
      places_.erase(waiting_.front().watcher.get());
      woken.splice(woken.end(), waiting_, waiting_.begin());
    }
  }
  for (const Waiting& waiting : woken) waiting.watcher->Turn();
}

}  // namespace userclient::internal
