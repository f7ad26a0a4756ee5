#pragma once

#include <chrono>

namespace userctl {

/// How late the calls of an open loop begin, and whose doing that is: a call waits for room where the server is slow, and is late
/// without having waited where this machine is.
class StartDelay {
 public:
  /// From here on, a person should know that this machine is too slow.
  static constexpr std::chrono::milliseconds kNoticeable{10};

  /// The next call has waited so long for room.
  void NoteWait(std::chrono::nanoseconds wait);
  /// It begins so long after it was due; less than 0 counts as 0.
  void NoteBegin(std::chrono::nanoseconds late);

  /// The longest that a call began after it was due.
  std::chrono::nanoseconds latest() const { return latest_; }
  /// The same without the waits for room, also those of the calls before, as long as they had not been made up for.
  std::chrono::nanoseconds latest_by_machine() const { return latest_by_machine_; }
  bool machine_is_too_slow() const { return latest_by_machine_ >= kNoticeable; }

 private:
  std::chrono::nanoseconds latest_{};
  std::chrono::nanoseconds latest_by_machine_{};
  /// What the waits for room have to do with how late it is now.
  std::chrono::nanoseconds owed_to_waits_{};
};

}  // namespace userctl
