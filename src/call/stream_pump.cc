#include "call/stream_pump.h"

#include <grpc/support/time.h>

#include <chrono>

namespace userclient::internal {
namespace {

/// A reader that sleeps is woken after so many steps at the latest, however many more are there.
constexpr int kLongestRound = 64;
/// A reader who works the queue comes back within this time, or the thread takes over.
constexpr std::chrono::milliseconds kAway{2};

void Do(void* step, bool ok) { static_cast<StreamStep*>(step)->Done(ok); }

}  // namespace

// ---- The thread

void StreamPump::Run() {
  sleepers_.emplace();
  void* step = nullptr;
  bool ok = false;
  while (NextStep(step, ok)) {
    if (step != nullptr) Do(step, ok);
  }
  sleepers_.reset();
}

bool StreamPump::NextStep(void*& step, bool& ok) {
  if (!sleepers_->empty()) {
    // One whose messages come together is woken once for them.
    const gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
    if (++steps_ < kLongestRound && BeginUnlessReaderWorks()) {
      const bool there = queue_.AsyncNext(&step, &ok, at_once) == grpc::CompletionQueue::GOT_EVENT;
      if (!there) step = nullptr;
      EndWork(step);
      if (there) return true;
    }
    sleepers_->WakeAll();
  }
  steps_ = 0;
  {
    std::unique_lock lock(mutex_);
    StandBy(lock);
    thread_works_ = true;
  }
  const bool more = queue_.Next(&step, &ok);
  EndWork(step);
  return more;
}

bool StreamPump::BeginUnlessReaderWorks() {
  const std::lock_guard lock(mutex_);
  thread_works_ = !reader_works_;
  return thread_works_;
}

void StreamPump::EndWork(void*& step) {
  const std::lock_guard lock(mutex_);
  thread_works_ = false;
  // In one with the above: the next one who has to be called off is the reader.
  if (step == static_cast<StreamStep*>(&call_off_)) {
    call_off_out_ = false;
    step = nullptr;
  }
  if (reader_works_) changed_.notify_all();
}

void StreamPump::StandBy(std::unique_lock<std::mutex>& lock) {
  while (true) {
    if (reader_works_) {
      thread_waits_for_reader_ = true;
      // He may be the one who stops.
      changed_.wait(lock, [this] { return !reader_works_ || stopped_; });
      thread_waits_for_reader_ = false;
    }
    if (stopped_ || streams_ != 1 || turns_ == turns_seen_) return;
    turns_seen_ = turns_;
    changed_.wait_for(lock, kAway, [this] { return stopped_ || streams_ != 1; });
  }
}

void StreamPump::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  queue_.Shutdown();
}

// ---- A reader in its place

void StreamPump::PumpUntil(absl::FunctionRef<bool()> enough) {
  {
    std::unique_lock lock(mutex_);
    if (streams_ != 1 || reader_works_ || stopped_) return;
    reader_works_ = true;
    ++turns_;
    if (thread_works_) {
      CallOffWorker();
      changed_.wait(lock, [this] { return !thread_works_; });
    }
  }
  void* step = nullptr;
  bool ok = false;
  while (!enough() && Alone() && queue_.Next(&step, &ok)) Do(step, ok);

  bool thread_waits = false;
  {
    const std::lock_guard lock(mutex_);
    reader_works_ = false;
    thread_waits = thread_waits_for_reader_;
  }
  if (thread_waits) changed_.notify_all();
}

void StreamPump::LookAgain() {
  const std::lock_guard lock(mutex_);
  if (reader_works_) CallOffWorker();
}

void StreamPump::Open() {
  const std::lock_guard lock(mutex_);
  // The reader of the other one must not be made to run the callbacks of this one.
  if (++streams_ != 1 && reader_works_) CallOffWorker();
  changed_.notify_all();
}

void StreamPump::Close() {
  const std::lock_guard lock(mutex_);
  --streams_;
  changed_.notify_all();
}

bool StreamPump::Alone() {
  const std::lock_guard lock(mutex_);
  return streams_ == 1;
}

void StreamPump::CallOffWorker() {
  if (stopped_ || call_off_out_) return;
  call_off_out_ = true;
  alarm_.emplace();
  // Of the past: gRPC rounds the present up to the next millisecond.
  alarm_->Set(&queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), static_cast<StreamStep*>(&call_off_));
}

void StreamPump::CallOff::Done(bool /*ok*/) {
  const std::lock_guard lock(pump_->mutex_);
  pump_->call_off_out_ = false;
}

}  // namespace userclient::internal
