#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/stub_options.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "userclient/call_options.h"
#include "userclient/internal/pending_state.h"
#include "userclient/internal/received_part.h"
#include "userclient/internal/request_size.h"
#include "userclient/internal/stream_engine.h"

namespace userclient {

/// How many questions a conversation holds.
struct ConversationLimits {
  /// Sent and not answered; what is asked beyond it waits here for its turn. At least 1. A server takes only so many ahead of its
  /// answers.
  std::size_t max_on_wire = 64;
  /// Not sent yet. At least 1. What is asked beyond it is refused with RESOURCE_EXHAUSTED at once.
  std::size_t max_waiting = 10'000;
};

/// How the messages of a bidirectional stream without side effects, which answers every message with one, belong together.
template <class Request, class Response>
struct ConversationRules {
  /// Whether it answers that. A server that sends something else is left with INTERNAL. Null: the order alone tells.
  bool (*answers)(const Request& question, const Response& answer) = nullptr;
  /// A server that owes an answer and sends nothing for this long is left, and what is unanswered asked elsewhere. Absent: it may
  /// be silent until the method's timeout.
  std::optional<std::chrono::nanoseconds> idle_timeout{};
};

}  // namespace userclient

namespace userclient::internal {

/// The typed end of a bidirectional stream of questions and answers.
///
/// What has been asked waits in line; what has been sent stands in the order in which the answers come. When an attempt ends,
/// what is unanswered goes back to the head of the line. A stream is under way while there is something to be answered, and for
/// as long after that as its attempt lasts; the next question then begins another. *Thread-safe.*
template <class Request, class Response>
class AskStream final : public TypedStream, public std::enable_shared_from_this<AskStream<Request, Response>> {
 public:
  using Rules = ConversationRules<Request, Response>;

  /// `lasting`: it lives until it is finished or cancelled, and the method's timeout is that of one attempt; else it is that of
  /// the whole. `path` is the core's. `unusable`: what every question is answered with, if it is not OK.
  AskStream(std::shared_ptr<ClientCore> core, int method, const std::string& path, const Rules& rules,
            const ConversationLimits& limits, bool lasting, CallOptions options, absl::Status unusable)
      : core_(std::move(core)),
        method_(method),
        path_(path),
        rules_(rules),
        limits_(limits),
        kind_{.resumable = true, .endless = lasting, .gives_up = true, .idle_timeout = rules.idle_timeout},
        options_(std::move(options)),
        began_(Clock::now()),
        refusal_(std::move(unusable)) {}

  AskStream(const AskStream&) = delete;
  AskStream& operator=(const AskStream&) = delete;

  // For the one who asks:

  std::shared_ptr<PendingState<Response>> Ask(Request request) {
    absl::Status refusal = CheckSize(request);
    auto question = std::make_shared<Question>(std::move(request), this->weak_from_this());
    std::shared_ptr<PendingState<Response>> state(question, &question->state);
    std::shared_ptr<StreamHandle> begins;
    {
      const std::lock_guard lock(mutex_);
      refusal.Update(refusal_);
      if (refusal.ok() && waiting_.size() >= limits_.max_waiting) refusal = LineFull();
      if (refusal.ok()) {
        question->number = asked_++;
        waiting_.emplace(question->number, question);
        state->SetHandle(question);
        begins = PrepareIfNone();
      }
    }
    if (!refusal.ok()) {
      state->Set(std::move(refusal));
    } else if (begins != nullptr) {
      begins->Begin();
    } else {
      WriteNext();
    }
    return state;
  }

  /// No question follows. Done when everything has been answered and the stream has ended.
  std::shared_ptr<PendingState<std::monostate>> Finish() {
    auto state = std::make_shared<PendingState<std::monostate>>();
    bool over = false;
    {
      const std::lock_guard lock(mutex_);
      finishing_ = true;
      refusal_.Update(absl::FailedPreconditionError("Finish has been called: no question may follow"));
      over = handle_ == nullptr;
      if (!over) finishes_.push_back(state);
    }
    if (over) {
      state->Set(Outcome());
    } else {
      WriteNext();
    }
    return state;
  }

  void Cancel() {
    if (const std::shared_ptr<StreamHandle> handle = Refuse(); handle != nullptr) handle->Cancel();
  }

  /// Nobody is interested any more.
  void Abandon() {
    if (const std::shared_ptr<StreamHandle> handle = Refuse(); handle != nullptr) handle->Abandon();
  }

  // For the engine:

  void Start(const PooledChannel& channel, grpc::ClientContext& context, StreamEvents& events) override {
    // It deletes itself.
    auto* const attempt = new Attempt(*this, events);
    grpc::TemplatedGenericStub<Request, ReceivedPart<Response>> stub(channel.channel);
    stub.PrepareBidiStreamingCall(&context, path_, grpc::StubOptions(), attempt);
    attempt->Begin();
    {
      const std::lock_guard lock(mutex_);
      attempt_ = attempt;
      writable_ = true;
      half_closed_ = false;
      wrong_answer_ = absl::OkStatus();
    }
    WriteNext();
  }

  void Read() override { attempt_->Read(); }

  void StopReading() override {
    Attempt* const attempt = attempt_;
    bool writes_over = false;
    {
      const std::lock_guard lock(mutex_);
      // A write under way ends by itself, now that the attempt does.
      writes_over = std::exchange(writable_, false) && !writing_;
    }
    if (writes_over) attempt->RemoveHold();
    attempt->RemoveHold();
  }

  std::optional<StreamProgress> Take() override {
    ReceivedPart<Response>& part = attempt_->part;
    if (!part.sound) return std::nullopt;
    std::shared_ptr<Question> question;
    StreamProgress progress = StreamProgress::kMessage;
    {
      const std::lock_guard lock(mutex_);
      if (absl::Status wrong = CheckAnswer(part.message); !wrong.ok()) {
        wrong_answer_ = std::move(wrong);
        return std::nullopt;
      }
      question = std::move(sent_.front().question);
      sent_.pop_front();
      if (half_closed_ && sent_.empty()) progress = StreamProgress::kLastMessage;
      if (!Claim(*question)) question = nullptr;
    }
    // First, so that the server has something to do meanwhile.
    WriteNext();
    if (question != nullptr) question->state.Set(std::move(part.message));
    return progress;
  }

  bool HasRoom() override { return true; }

  std::optional<std::chrono::steady_clock::time_point> ExpectsSince() const override {
    const std::lock_guard lock(mutex_);
    if (!sent_.empty()) return sent_.front().time;
    if (half_closed_) return std::chrono::steady_clock::time_point::min();
    return std::nullopt;
  }

  StreamTurn AttemptEnded(absl::Status& status) override {
    std::shared_ptr<Question> wrong;
    StreamTurn turn = StreamTurn::kByTheRules;
    {
      const std::lock_guard lock(mutex_);
      if (!wrong_answer_.ok()) status = wrong_answer_;
      // Every question before it has been answered.
      const bool question_wrong = status.code() == absl::StatusCode::kInvalidArgument && !sent_.empty();
      if (question_wrong) {
        wrong = std::move(sent_.front().question);
        sent_.pop_front();
        if (!Claim(*wrong)) wrong = nullptr;
      }
      BackInLine();
      if (waiting_.empty()) {
        turn = StreamTurn::kComplete;
      } else if (question_wrong) {
        turn = StreamTurn::kAgain;
      } else if (status.ok()) {
        status = absl::UnavailableError("the server ended the stream before it had answered everything");
      }
    }
    if (wrong != nullptr) wrong->state.Set(status);
    return turn;
  }

  void Complete(absl::Status status) override {
    std::vector<std::shared_ptr<Question>> unanswered;
    std::vector<std::shared_ptr<PendingState<std::monostate>>> finishes;
    std::shared_ptr<StreamHandle> ended;
    std::shared_ptr<StreamHandle> begins;
    {
      const std::lock_guard lock(mutex_);
      ended = std::move(handle_);
      handle_ = nullptr;
      // It had ended well already, when it was cancelled.
      if (status.ok() && cancelled_ && !waiting_.empty()) status = CancelledByCaller();
      if (!status.ok()) {
        BackInLine();
        for (auto& [number, question] : waiting_) {
          question->claimed = true;
          unanswered.push_back(std::move(question));
        }
        waiting_.clear();
        if (!unanswered.empty()) outcome_.Update(status);
      }
      // Asked in the very moment in which it ended.
      if (!waiting_.empty()) begins = PrepareIfNone();
      if (begins == nullptr) finishes = std::move(finishes_);
    }
    for (const std::shared_ptr<Question>& question : unanswered) question->state.Set(status);
    for (const auto& state : finishes) state->Set(Outcome());
    if (begins != nullptr) begins->Begin();
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Question final : CallHandle {
    Question(Request what, std::weak_ptr<AskStream> whom) : request(std::move(what)), stream(std::move(whom)) {}
    void Cancel() override {
      if (const std::shared_ptr<AskStream> asked = stream.lock(); asked != nullptr) asked->Drop(*this);
    }

    const Request request;
    const std::weak_ptr<AskStream> stream;
    std::int64_t number = 0;
    PendingState<Response> state;
    /// Somebody is about to set the state. Guarded by the stream's mutex.
    bool claimed = false;
  };

  struct Sent {
    std::shared_ptr<Question> question;
    Clock::time_point time;
  };

  class Attempt final : public grpc::ClientBidiReactor<Request, ReceivedPart<Response>> {
   public:
    Attempt(AskStream& stream, StreamEvents& events) : stream_(stream), events_(events) {}

    void Begin() {
      // One until StopReading, one until the last write: both are asked for from other threads.
      this->AddMultipleHolds(2);
      this->StartCall();
    }

    void Read() {
      part.sound = false;
      this->StartRead(&part);
    }

    void Write(std::shared_ptr<Question> question) {
      written_ = std::move(question);
      this->StartWrite(&written_->request);
    }

    void OnReadDone(bool ok) override { events_.OnRead(ok); }
    void OnWriteDone(bool ok) override { stream_.OnWritten(*this, ok); }
    void OnWritesDoneDone(bool /*ok*/) override { stream_.OnWritten(*this, /*ok=*/false); }
    void OnDone(const grpc::Status& status) override {
      StreamEvents& events = events_;
      grpc::Status copy = status;
      delete this;
      events.OnEnded(std::move(copy));
    }

    ReceivedPart<Response> part{};

   private:
    AskStream& stream_;
    StreamEvents& events_;
    /// Kept until it is written, whatever becomes of it.
    std::shared_ptr<Question> written_;
  };

  // Writing: one message at a time, from whatever thread finds that there is one to be written.

  void WriteNext() {
    Attempt* attempt = nullptr;
    std::shared_ptr<Question> next;
    {
      const std::lock_guard lock(mutex_);
      if (!writable_ || writing_ || half_closed_) return;
      if (!waiting_.empty() && sent_.size() < limits_.max_on_wire) {
        next = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
        sent_.push_back({next, Clock::now()});
      } else if (waiting_.empty() && finishing_) {
        half_closed_ = true;
      } else {
        return;
      }
      writing_ = true;
      attempt = attempt_;
    }
    // It lives until OnWritten.
    if (next != nullptr) return attempt->Write(std::move(next));
    attempt->StartWritesDone();
  }

  /// `ok`: others may follow.
  void OnWritten(Attempt& attempt, bool ok) {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (!ok) writable_ = false;
      ok = writable_;
    }
    if (ok) return WriteNext();
    attempt.RemoveHold();
  }

  /// One question is of no interest any more. If it has been sent, its answer still comes.
  void Drop(Question& question) {
    std::shared_ptr<Question> dropped;
    {
      const std::lock_guard lock(mutex_);
      if (!Claim(question)) return;
      if (const auto found = waiting_.find(question.number); found != waiting_.end()) {
        dropped = std::move(found->second);
        waiting_.erase(found);
      }
    }
    question.state.Set(CancelledByCaller());
    // It may have been what Finish waits for.
    WriteNext();
  }

  static absl::Status CancelledByCaller() { return absl::CancelledError("cancelled by the caller"); }

  // The mutex is held:

  /// False: it is answered by somebody else.
  static bool Claim(Question& question) { return !std::exchange(question.claimed, true); }

  void BackInLine() {
    for (Sent& sent : sent_) {
      if (sent.question->claimed) continue;
      const std::int64_t number = sent.question->number;
      waiting_.emplace(number, std::move(sent.question));
    }
    sent_.clear();
  }

  std::shared_ptr<StreamHandle> PrepareIfNone() {
    if (handle_ != nullptr) return nullptr;
    CallOptions options = options_;
    if (options.timeout) options.timeout = *options.timeout - (Clock::now() - began_);
    handle_ = PrepareStream(core_, method_, std::move(options), kind_, this->shared_from_this());
    return handle_;
  }

  absl::Status CheckAnswer(const Response& answer) const {
    if (sent_.empty()) return absl::InternalError("the server sent an answer to what nobody had asked");
    if (rules_.answers == nullptr || rules_.answers(sent_.front().question->request, answer)) return absl::OkStatus();
    return absl::InternalError("the server answered what was not asked next");
  }

  absl::Status LineFull() const {
    return absl::ResourceExhaustedError(
        absl::StrCat(limits_.max_waiting,
                     " questions are waiting to be sent already (ConversationLimits.max_waiting); "
                     "ask on when some have been answered"));
  }

  // The mutex is not held:

  std::shared_ptr<StreamHandle> Refuse() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    refusal_.Update(CancelledByCaller());
    return handle_;
  }

  absl::StatusOr<std::monostate> Outcome() const {
    const std::lock_guard lock(mutex_);
    if (!outcome_.ok()) return outcome_;
    return std::monostate();
  }

  const std::shared_ptr<ClientCore> core_;
  const int method_;
  const std::string& path_;
  const Rules rules_;
  const ConversationLimits limits_;
  const StreamKind kind_;
  const CallOptions options_;
  const Clock::time_point began_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  /// What every further question is answered with.
  absl::Status refusal_;
  std::int64_t asked_ = 0;
  /// By number.
  std::map<std::int64_t, std::shared_ptr<Question>> waiting_;
  std::deque<Sent> sent_;
  /// Why questions have failed.
  absl::Status outcome_;
  bool finishing_ = false;
  bool cancelled_ = false;
  std::vector<std::shared_ptr<PendingState<std::monostate>>> finishes_;
  /// Of the stream that is under way. There is one for as long as a question is unanswered.
  std::shared_ptr<StreamHandle> handle_;

  // Of the present attempt, guarded by mutex_.
  bool writable_ = false;
  bool writing_ = false;
  bool half_closed_ = false;
  absl::Status wrong_answer_;
  /// Changed by the engine alone.
  Attempt* attempt_ = nullptr;
};

}  // namespace userclient::internal
