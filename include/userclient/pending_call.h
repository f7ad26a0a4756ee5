#pragma once

/// A call under way.
///
///   userclient::PendingCall<GetUserResponse> pending = client->GetUserAsync(request);
///   absl::StatusOr<GetUserResponse> user = std::move(pending).Get();                                  // wait for it
///   client->GetUserAsync(request).Then([](absl::StatusOr<GetUserResponse> user) { ... });             // be called back
///   absl::StatusOr<GetUserResponse> user = co_await client->GetUserAsync(request);                    // be resumed
///
/// (With options in braces make the call first and await it then: g++ 12 destroys such a temporary twice inside a co_await.)
///
/// No thread waits for it meanwhile. Callbacks run, and coroutines are resumed, on gRPC's threads: they must not block there. A
/// blocking call of this library made there is refused with FAILED_PRECONDITION instead of starving the threads that it waits
/// for.

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "userclient/internal/pending_state.h"

namespace userclient {

/// Movable. Dropping it lets the call go on to its end, unseen. *Wait and Cancel are thread-safe.* Get, Then and co_await use it
/// up; to cancel a call after that, give it a CallOptions::stop.
template <class Response>
class PendingCall {
 public:
  explicit PendingCall(std::shared_ptr<internal::PendingState<Response>> state) : state_(std::move(state)) {}

  /// Ends the call with CANCELLED, unless it has ended already. Never blocks.
  void Cancel() const { state_->Cancel(); }

  /// Blocks until the answer is there, but no longer than this. True: it is there, and Get will not block.
  bool Wait(std::chrono::nanoseconds timeout) const {
    const auto now = std::chrono::steady_clock::now();
    const auto longest = std::chrono::steady_clock::time_point::max() - now;
    return state_->WaitUntil(now + std::min<std::chrono::nanoseconds>(timeout, longest));
  }

  /// Blocks until the answer is there: at the latest at the call's deadline.
  absl::StatusOr<Response> Get() && {
    if (absl::Status status = state_->Wait(); !status.ok()) return status;
    return state_->Take();
  }

  /// Calls `function` with the answer, exactly once: here if it is there already, else on the thread that brings it. It must not
  /// throw: that ends the process, for nobody there could catch it. UserClient::Shutdown waits for it.
  void Then(std::function<void(absl::StatusOr<Response>)> function) && {
    auto* const state = state_.get();
    state->OnDone([state = std::move(state_), function = std::move(function)] { function(state->Take()); });
  }

  /// `co_await` gives the answer.
  auto operator co_await() && {
    struct Awaiter {
      std::shared_ptr<internal::PendingState<Response>> state;
      bool await_ready() const { return state->done(); }
      void await_suspend(std::coroutine_handle<> caller) const {
        // The coroutine may go on, and this awaiter with it, before OnDone returns.
        auto* const kept = state.get();
        std::shared_ptr<internal::PendingState<Response>> alive = state;
        kept->OnDone([caller] { caller.resume(); });
      }
      absl::StatusOr<Response> await_resume() { return state->Take(); }
    };
    return Awaiter{std::move(state_)};
  }

 private:
  std::shared_ptr<internal::PendingState<Response>> state_;
};

}  // namespace userclient
