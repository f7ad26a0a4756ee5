#pragma once

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "userclient/message_stream.h"
#include "userclient/pending_call.h"

namespace profile_service {

/// Calls that are made at the same time and are all needed: the first that fails cancels the others.
///
///   CallGroup group;
///   options.stop = group.stop();
///   group.Add(client.GetUserAsync(request, options), user);
///   group.Add(client.StreamActivity(activity_request, options), [&](ActivityEvent event) { ... });
///   absl::Status status = group.Wait([&] { return inbound.gone(); });
///
/// Used by one thread; the calls themselves need none.
class CallGroup {
 public:
  CallGroup() = default;
  CallGroup(const CallGroup&) = delete;
  CallGroup& operator=(const CallGroup&) = delete;
  /// Cancels what still goes on, and waits for it.
  ~CallGroup() {
    state_->stop.request_stop();
    state_->AwaitAll();
  }

  /// For the options of every call that is added.
  std::stop_token stop() const { return state_->stop.get_token(); }

  /// `answer` is filled if the call succeeds. Until Wait has returned it belongs to the call.
  template <class Response>
  void Add(userclient::PendingCall<Response> call, Response& answer) {
    state_->Begin();
    AwaitAnswer(state_, std::move(call), answer);
  }

  /// `take` is given every message, one at a time, on gRPC's threads.
  template <class Message>
  void Add(userclient::MessageStream<Message> stream, std::function<void(Message)> take) {
    state_->Begin();
    AwaitMessages(state_, std::move(stream), std::move(take));
  }

  /// Blocks until every call has ended. Meanwhile it looks 50 times a second whether `gone` has become true, and then cancels
  /// all. Returns the status of the first call that failed, CANCELLED if they were, or OK.
  absl::Status Wait(const std::function<bool()>& gone) {
    using namespace std::chrono_literals;
    while (!state_->AwaitAll(20ms)) {
      if (gone()) state_->Fail(absl::CancelledError("the client has gone"));
    }
    return state_->failure();
  }

 private:
  class State {
   public:
    void Begin() {
      const std::lock_guard lock(mutex_);
      ++running_;
    }

    void End(const absl::Status& status) {
      if (!status.ok()) Fail(status);
      const std::lock_guard lock(mutex_);
      --running_;
      changed_.notify_all();
    }

    void Fail(const absl::Status& status) {
      {
        const std::lock_guard lock(mutex_);
        if (!failure_.ok()) return;
        failure_ = status;
      }
      stop.request_stop();
    }

    void AwaitAll() {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return running_ == 0; });
    }

    bool AwaitAll(std::chrono::nanoseconds limit) {
      std::unique_lock lock(mutex_);
      return changed_.wait_for(lock, limit, [this] { return running_ == 0; });
    }

    absl::Status failure() const {
      const std::lock_guard lock(mutex_);
      return failure_;
    }

    std::stop_source stop;

   private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int running_ = 0;
    absl::Status failure_;
  };

  /// A coroutine that nobody waits for; it tells the group itself when it is done.
  struct Detached {
    struct Promise {
      static Detached get_return_object() { return {}; }
      static std::suspend_never initial_suspend() noexcept { return {}; }
      static std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() {}
      [[noreturn]] static void unhandled_exception() { std::terminate(); }
    };
    using promise_type = Promise;
  };

  template <class Response>
  static Detached AwaitAnswer(std::shared_ptr<State> state, userclient::PendingCall<Response> call, Response& answer) {
    absl::StatusOr<Response> response = co_await std::move(call);
    const absl::Status status = response.status();
    if (status.ok()) answer = *std::move(response);
    state->End(status);
  }

  template <class Message>
  static Detached AwaitMessages(std::shared_ptr<State> state, userclient::MessageStream<Message> stream,
                                std::function<void(Message)> take) {
    while (true) {
      absl::StatusOr<std::optional<Message>> next = co_await stream.NextAsync();
      if (!next.ok() || !next->has_value()) {
        state->End(next.status());
        co_return;
      }
      take(std::move(**next));
    }
  }

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace profile_service
