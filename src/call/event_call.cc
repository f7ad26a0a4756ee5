#include "call/event_call.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "call/attempt_context.h"
#include "call/attempt_rules.h"
#include "call/callback_thread.h"

namespace userclient::internal {
namespace {

/// Runs a function at this time, on a thread that brings gRPC's alarms.
void OnAlarmThread(TimePoint time, std::function<void()> function) {
  auto* const alarm = new grpc::Alarm;
  alarm->Set(ToTimespec(time), [alarm, function = std::move(function)](bool) mutable {
    const CallbackScope scope;
    function();
    // What it keeps may go away with it, down to the client, and so has to go while it is known on which thread this is.
    function = nullptr;
    delete alarm;
  });
}

}  // namespace

// ---- Events: one after the other

void EventCall::BeginWith(Event event) {
  self_ = shared_from_this();
  Post(event);
}

void EventCall::Post(Event event) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(event);
    if (handling_) return;
    handling_ = true;
    handler_ = std::this_thread::get_id();
  }
  HandleInbox();
}

void EventCall::PostFromOutside(Event event) {
  std::shared_ptr<EventCall> self;
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(event);
    if (handling_) return;
    // Without the lock it would be too late: whoever cannot wait for the alarm's thread may bring this call to its end.
    self = shared_from_this();
    // From here on this call is being handled, by the alarm's thread.
    handling_ = true;
    handler_ = {};
    handler_is_coming_ = true;
  }
  OnAlarmThread(Now(), [call = std::move(self)] {
    {
      const std::lock_guard lock(call->mutex_);
      if (!std::exchange(call->handler_is_coming_, false)) return;  // Somebody could not wait for it.
      call->handler_ = std::this_thread::get_id();
    }
    call->HandleInbox();
  });
}

void EventCall::PostLater(Event event, Duration delay) {
  OnAlarmThread(Now() + delay, [call = shared_from_this(), event] { call->Post(event); });
}

void EventCall::BetweenEvents(absl::FunctionRef<void()> function) {
  {
    std::unique_lock lock(mutex_);
    if (handling_ && handler_ == std::this_thread::get_id()) {
      lock.unlock();
      return function();
    }
    // It must not wait for the alarm's thread to begin: it may be that very thread.
    ++waiting_;
    idle_.wait(lock, [this] { return !handling_ || handler_is_coming_; });
    --waiting_;
    handler_is_coming_ = false;
    handling_ = true;
    handler_ = std::this_thread::get_id();
  }
  {
    const CallbackScope scope;
    function();
  }
  HandleInbox();
}

void EventCall::HandleInbox() {
  // What keeps this call alive may go away here, and the call with it, but not before the lock is free.
  std::shared_ptr<EventCall> last;
  absl::InlinedVector<Event, 4> events;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (inbox_.empty()) {
        handling_ = false;
        if (waiting_ > 0) idle_.notify_all();
        if (!alarm_out_ && Over()) last = std::move(self_);
        return;
      }
      events.swap(inbox_);
    }
    // The application may be called, also on a thread of its own, and must not wait there for this very call.
    const CallbackScope scope;
    for (const Event& next : events) {
      if (next.kind == kAlarm) {
        OnAlarm();
      } else {
        Handle(next);
      }
    }
    events.clear();
  }
}

// ---- Time

void EventCall::SetTimer(std::optional<TimePoint> time, std::optional<Duration> look_every) {
  timer_ = time;
  look_every_ = look_every;
  if (!timer_) return;
  const TimePoint wake = look_every_ ? std::min(*timer_, Now() + *look_every_) : *timer_;
  if (alarm_out_) {
    // One that goes off too early is set again then; one that would go off too late is called off, and set again then.
    if (alarm_at_ > wake) alarm_->Cancel();
    return;
  }
  // A new one each time: the one before may still be in its callback, which is where this is called from.
  alarm_.emplace();
  alarm_out_ = true;
  alarm_at_ = wake;
  alarm_->Set(ToTimespec(wake), [this](bool) {
    const CallbackScope scope;
    Post({.kind = kAlarm});
  });
}

void EventCall::StopTimer() {
  timer_.reset();
  if (alarm_out_) alarm_->Cancel();
}

void EventCall::OnAlarm() {
  alarm_out_ = false;
  if (!timer_) return;
  const bool due = Now() >= *timer_;
  if (!due && !look_every_) return SetTimer(timer_);
  const std::optional<TimePoint> time = timer_;
  const std::optional<Duration> look_every = look_every_;
  if (due) timer_.reset();
  OnTimer();
  // It was only a look, and nothing has come of it.
  if (!due && timer_ == time && !alarm_out_) SetTimer(time, look_every);
}

}  // namespace userclient::internal
