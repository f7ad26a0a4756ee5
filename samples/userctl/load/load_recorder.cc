#include "load_recorder.h"

namespace userctl {

using std::chrono::steady_clock;

bool LoadRecorder::AwaitRoom(int max_in_flight, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto has_room = [&] { return tally_.in_flight() < max_in_flight; };
  if (has_room()) return !stop.stop_requested();
  ++tally_.waited_for_room;
  someone_waits_ = true;
  const steady_clock::time_point begin = steady_clock::now();
  const bool room = changed_.wait(lock, stop, has_room);
  tally_.start_delay.NoteWait(steady_clock::now() - begin);
  someone_waits_ = false;
  return room && !stop.stop_requested();
}

void LoadRecorder::AwaitAll() {
  std::unique_lock lock(mutex_);
  someone_waits_ = true;
  changed_.wait(lock, [this] { return tally_.in_flight() == 0; });
  someone_waits_ = false;
}

void LoadRecorder::NoteBegin(steady_clock::time_point due) {
  const std::chrono::nanoseconds late = steady_clock::now() - due;
  const std::lock_guard lock(mutex_);
  ++tally_.begun;
  tally_.start_delay.NoteBegin(late);
}

void LoadRecorder::NoteEnd(const CallOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  tally_.Add(outcome);
  if (someone_waits_) changed_.notify_all();
}

LoadTally LoadRecorder::tally() const {
  const std::lock_guard lock(mutex_);
  return tally_;
}

}  // namespace userctl
