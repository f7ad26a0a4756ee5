#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

#include "call/sleeper_round.h"
#include "userclient/internal/message_pump.h"
#include "userclient/internal/stream_queue.h"

namespace userclient::internal {

/// Who takes the steps of streams from their queue: its thread, or a reader in its place.
///
///   the thread ──► a reader comes, of the only stream: the thread is called off, and he works the queue ──► he has his message
///       ▲                                                                                                   │
///       └── he has not come back for a moment, or another stream is opened ◄────────────────────────────────┘
///
/// *Thread-safe.*
class StreamPump final : public MessagePump {
 public:
  StreamPump() : call_off_(this) {}

  grpc::CompletionQueue* queue() { return &queue_; }

  /// The thread's work, until Stop.
  void Run();
  /// Once. No stream uses the queue any more.
  void Stop();

  void Open();
  void Close();

  void PumpUntil(absl::FunctionRef<bool()> enough) override;
  void LookAgain() override;

 private:
  /// Makes whoever waits for the next step look around. Done by a reader only.
  class CallOff final : public StreamStep {
   public:
    explicit CallOff(StreamPump* pump) : pump_(pump) {}
    void Done(bool ok) override;

   private:
    StreamPump* const pump_;
  };

  /// The thread's next step; null if it was only called off. False: the queue is shut down.
  bool NextStep(void*& step, bool& ok);
  /// The thread works the queue only in between. EndWork takes the step away if it was only called off.
  bool BeginUnlessReaderWorks();
  void EndWork(void*& step);
  /// Until the thread has to work the queue. The mutex is held.
  void StandBy(std::unique_lock<std::mutex>& lock);
  /// The mutex is held.
  void CallOffWorker();
  bool Alone();

  grpc::CompletionQueue queue_;
  /// Those whom the thread has to wake, and the steps that it has done meanwhile.
  std::optional<SleeperRound> sleepers_;
  int steps_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  int streams_ = 0;
  bool thread_works_ = false;
  bool thread_waits_for_reader_ = false;
  bool reader_works_ = false;
  /// How often a reader has worked the queue, and what the thread has seen of that.
  int64_t turns_ = 0;
  int64_t turns_seen_ = 0;
  bool stopped_ = false;
  bool call_off_out_ = false;
  std::optional<grpc::Alarm> alarm_;
  CallOff call_off_;
};

}  // namespace userclient::internal
