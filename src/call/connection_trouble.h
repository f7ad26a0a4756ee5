#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "policy/time.h"
#include "userclient/credentials.h"

namespace userclient::internal {

/// Why the client finds no server. gRPC often keeps that to itself: a wrong authority and an expired certificate look the same,
/// and so do a missing certificate of our own and a server that speaks no TLS. So while calls find no connection, somebody looks
/// (userclient/diagnose.h), at most every 10 s, on a thread of its own for as long as that takes; calls do not wait for it.
///
/// *Thread-safe.*
class ConnectionTrouble {
 public:
  static constexpr Duration kLookEvery = std::chrono::seconds(10);

  ConnectionTrouble(std::string target, Credentials credentials)
      : target_(std::move(target)), credentials_(std::move(credentials)) {}
  /// Breaks off a look that is under way, and waits for it: it must not outlast a program that ends with its client.
  ~ConnectionTrouble();
  ConnectionTrouble(const ConnectionTrouble&) = delete;
  ConnectionTrouble& operator=(const ConnectionTrouble&) = delete;

  /// `look_up` is called, on the thread of the call and with a lock held, for every call that has heard of no server: its servers
  /// may have other addresses by now. Null: nothing is, any more, once this returns.
  void LookUpWith(std::function<void()> look_up);

  /// A call that has heard of no server has failed.
  void NoteSilence();

  /// The status of a call that has found no connection, with the reason and what to do behind it, as soon as they are known.
  absl::Status Explain(const absl::Status& status, TimePoint now);

 private:
  void Look();

  const std::string target_;
  const Credentials credentials_;
  absl::Mutex look_up_mutex_;
  std::function<void()> look_up_ ABSL_GUARDED_BY(look_up_mutex_);
  std::stop_source stop_;
  absl::Mutex mutex_;
  bool looking_ ABSL_GUARDED_BY(mutex_) = false;
  /// Of the last look.
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
  TimePoint looked_at_ ABSL_GUARDED_BY(mutex_){};
  /// Empty: not known, or none.
  std::string reason_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::internal
