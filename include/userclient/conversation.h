#pragma once

/// Questions and answers over one bidirectional stream: ServiceClient::Converse. For a service whose stream answers every message
/// with one, in order and without side effects.
///
///   userclient::Conversation<LookupUsersRequest, LookupUsersResponse> lookup = service.Converse(lookup_users_, {});
///   userclient::PendingCall<LookupUsersResponse> answer = lookup.Ask(request);      // as many as you like, from any thread
///   absl::StatusOr<LookupUsersResponse> user = co_await std::move(answer);          // or Get, Wait, Then: see pending_call.h
///   absl::Status all_answered = lookup.Finish();

#include <memory>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "userclient/internal/ask_stream.h"
#include "userclient/pending_call.h"

namespace userclient {

/// It opens a stream with the first question and keeps it for those that follow, so none waits for the one before it. When the
/// stream breaks, because a server dies, drains, falls silent or the network does, what is unanswered is asked again at another
/// server: each question gets exactly one answer. When one attempt after the other brings nothing, what is unanswered fails with
/// the last one's status, as unary calls would; the next question tries anew.
///
/// Movable. When it is destroyed, or another one moved into its place, what is unanswered ends with CANCELLED, and what its
/// CallOptions point to is not used any more. It holds a seat in its compartment while its stream is open. *Thread-safe* but for
/// moving and destroying it.
template <class Request, class Response>
class Conversation {
 public:
  explicit Conversation(std::shared_ptr<internal::AskStream<Request, Response>> stream) : stream_(std::move(stream)) {}
  Conversation(Conversation&&) noexcept = default;
  Conversation& operator=(Conversation&& other) noexcept {
    Conversation(std::move(other)).Swap(*this);
    return *this;
  }
  ~Conversation() {
    if (stream_ != nullptr) stream_->Abandon();
  }

  /// Never blocks. Dropping the answer ignores it; cancelling it takes this question back, and no other. *Errors* of the answer:
  /// INVALID_ARGUMENT as the server gave it, if it does not take this very question (the others go on); RESOURCE_EXHAUSTED at
  /// once, if ConversationLimits::max_waiting questions are waiting already; FAILED_PRECONDITION after Finish; else those of a
  /// stream that has failed, which all unanswered questions share.
  PendingCall<Response> Ask(Request request) const { return PendingCall<Response>(stream_->Ask(std::move(request))); }

  /// Closes our half: no question may follow. Blocks until the last answer has come and the stream has ended. OK: every question
  /// was answered, taken back, or refused by the server as wrong; else what the first that was not has failed with.
  absl::Status Finish() const { return FinishAsync().Get().status(); }

  /// The same without a thread that waits.
  PendingCall<std::monostate> FinishAsync() const { return PendingCall<std::monostate>(stream_->Finish()); }

  /// Ends what is unanswered with CANCELLED, and whatever is asked from now on. Never blocks.
  void Cancel() const { stream_->Cancel(); }

 private:
  void Swap(Conversation& other) noexcept { std::swap(stream_, other.stream_); }

  std::shared_ptr<internal::AskStream<Request, Response>> stream_;
};

}  // namespace userclient
