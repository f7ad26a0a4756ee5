#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/stream_call.h"
#include "userclient/server/user_store.h"

namespace userclient::internal {

/// The changes of a store as its watchers read them, each from a position of its own.
///
/// One thread reads the end of the store's feed for all watchers: at once when this process has changed something, and several
/// times a second, because others may write to the same store. The last changes are kept as messages that are ready to be sent; a
/// watcher that is further behind reads from the store. So a slow watcher costs nothing but its position, and a watcher that
/// waits costs neither thread nor timer.
///
/// The thread runs from the first subscription on. Thread-safe.
class UserFeed {
 public:
  /// A watcher that has waited for `heartbeat` is woken although there is nothing new.
  UserFeed(std::shared_ptr<UserStore> store, std::chrono::nanoseconds heartbeat);
  ~UserFeed();

  UserFeed(const UserFeed&) = delete;
  UserFeed& operator=(const UserFeed&) = delete;

  uint64_t id() const { return feed_id_; }
  std::chrono::nanoseconds heartbeat() const { return heartbeat_; }

  /// A change as it is sent.
  struct Entry {
    int64_t sequence = 0;
    grpc::ByteBuffer message;
  };

  /// While a watcher holds one, the end of the feed is read.
  class Subscription {
   public:
    ~Subscription() { feed_->Unsubscribe(); }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    /// Where to begin.
    int64_t after() const { return after_; }

   private:
    friend class UserFeed;
    Subscription(std::shared_ptr<UserFeed> feed, int64_t after) : feed_(std::move(feed)), after_(after) {}

    const std::shared_ptr<UserFeed> feed_;
    const int64_t after_;
  };

  /// From the present on, or from the position of an earlier watch. May wait for a disk. *Errors:* OUT_OF_RANGE if the position
  /// is not one of this feed.
  static absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(const std::shared_ptr<UserFeed>& feed,
                                                                 std::optional<int64_t> after);

  /// What follows a position.
  struct Next {
    std::optional<Entry> entry{};
    /// It is not among the last changes: read it from the store.
    bool behind = false;
  };

  /// Neither an entry nor behind: there is nothing new, and the watcher's Turn is called once there is, or after the heartbeat's
  /// time. *Errors:* why the store cannot be read.
  absl::StatusOr<Next> After(int64_t position, const std::shared_ptr<StreamCall>& watcher);
  /// The watcher waits no more.
  void Forget(StreamCall* watcher);

  /// The first changes after a position, from the store; at least one, if After said that the position is behind. May wait for a
  /// disk.
  absl::StatusOr<std::deque<Entry>> Load(int64_t position);

  /// What says only that the feed has come to `position`.
  grpc::ByteBuffer PositionMessage(int64_t position) const;

  /// This process has changed the store. Never blocks.
  void Notify();

  /// Ends the thread; nobody is woken any more.
  void Stop();

 private:
  struct Waiting {
    std::shared_ptr<StreamCall> watcher;
    std::chrono::steady_clock::time_point since;
  };

  void Unsubscribe();
  void Run();
  /// Reads what is new; true if there may be more.
  bool ReadOn(int64_t after);
  Entry EntryOf(const UserChange& change) const;
  std::list<Waiting> TakeAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeThoseDue();

  const std::shared_ptr<UserStore> store_;
  const std::chrono::nanoseconds heartbeat_;
  const uint64_t feed_id_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t subscriptions_ ABSL_GUARDED_BY(mutex_) = 0;
  // All changes after the first position up to the second.
  int64_t kept_after_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t kept_until_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Entry> kept_ ABSL_GUARDED_BY(mutex_);
  // Why the store could not be read the last time.
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);
  // In the order in which they began to wait.
  std::list<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<StreamCall*, std::list<Waiting>::iterator> places_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::internal
