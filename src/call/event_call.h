#pragma once

#include <grpcpp/alarm.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "policy/time.h"

namespace userclient::internal {

/// A call that goes on whenever something happens to it, and in which no thread waits.
///
/// Its events are handled one after the other, on threads of gRPC's (the beginning on the caller's), and without a lock; so
/// handlers may call gRPC and the application. It keeps itself alive from Begin on, until it is Over.
class EventCall : public std::enable_shared_from_this<EventCall> {
 public:
  EventCall(const EventCall&) = delete;
  EventCall& operator=(const EventCall&) = delete;

 protected:
  /// What has happened, in the words of the call, and to which of its attempts.
  struct Event {
    int kind = 0;
    int attempt = 0;
  };

  EventCall() = default;
  virtual ~EventCall() = default;

  /// Handles the first event. Once.
  void BeginWith(Event event);

  /// From a thread of gRPC's, or of the caller who begins: handles it, unless somebody is at it.
  void Post(Event event);
  /// From any other thread (one that cancels, one that gives up a seat): it must not be made to run this call and its callbacks.
  void PostFromOutside(Event event);
  /// The same in a while.
  void PostLater(Event event, Duration delay);

  // For handlers:

  /// OnTimer is called at this time, and not at one that was set before; nullopt: not at all. If `look_every` is given, it is
  /// called that often until then.
  void SetTimer(std::optional<TimePoint> time, std::optional<Duration> look_every = std::nullopt);
  /// Calls off the timer, so that nothing of it is out for longer than it must be.
  void StopTimer();
  std::optional<TimePoint> timer() const { return timer_; }

  // Anywhere:

  /// Runs a function when no handler runs, as if it were one; inside a handler, at once. Blocks for as long as a handler takes.
  void BetweenEvents(absl::FunctionRef<void()> function);

  virtual void Handle(Event event) = 0;
  /// The time that was set has come, or it is time to look.
  virtual void OnTimer() = 0;
  /// It has ended, and nothing that it has started is still out, its timer aside.
  virtual bool Over() const = 0;

 private:
  static constexpr int kAlarm = -1;

  void HandleInbox();
  void OnAlarm();

  std::mutex mutex_;
  // Guarded by mutex_.
  absl::InlinedVector<Event, 4> inbox_;
  bool handling_ = false;
  std::thread::id handler_;
  /// A thread has been sent for, and whoever comes first may handle.
  bool handler_is_coming_ = false;
  int waiting_ = 0;
  std::condition_variable idle_;

  // Of the thread that handles events.
  std::optional<grpc::Alarm> alarm_;
  /// When something is due.
  std::optional<TimePoint> timer_;
  std::optional<Duration> look_every_;
  /// When the alarm goes off, while it is set.
  TimePoint alarm_at_{};
  bool alarm_out_ = false;
  /// Itself, until it is over.
  std::shared_ptr<EventCall> self_;
};

}  // namespace userclient::internal
