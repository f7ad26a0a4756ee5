#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"

namespace profile_service {

/// Takes lines from many threads and writes them on one of its own, so that a log that cannot be written, or that nobody reads,
/// never stops the service: what finds no room in the queue is dropped. *Thread-safe.*
///
/// Where lines were dropped, one says so as soon as something can be written again:
///
///   {"time":"2026-11-20T17:30:00.000Z","event":"lines_lost","lines":12}
class LineLog {
 public:
  /// What waits to be written, in bytes.
  static constexpr std::size_t kMostBytes = 1 << 20;

  /// `file`: a name, "-" for standard output, or "none". *Errors:* NOT_FOUND naming the file.
  static absl::StatusOr<std::shared_ptr<LineLog>> Open(const std::string& file);

  /// Takes ownership of `descriptor`; -1: none.
  explicit LineLog(int descriptor, std::size_t most_bytes = kMostBytes);
  /// As Close.
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  /// *Never blocks.* A line is whole in the log or missing from it, but for the last one that a full disk had room for a part of.
  void Write(std::string_view line);
  /// Lines that could not be written so far.
  int64_t lost() const;
  /// Writes what waits, for as long as `kLastWords` if nobody reads; what comes afterwards is dropped. Not twice at the same
  /// time.
  void Close();

 private:
  static constexpr std::chrono::seconds kLastWords{1};

  void WriteQueued();
  void WriteLine(const std::string& line);
  /// How much of it was written.
  std::size_t WriteText(std::string_view text);
  /// Blocks until something can be written: true; false if Close does not wait for it any longer.
  bool AwaitWritable();
  bool HasGivenUp() const;
  void TellLost();

  const int descriptor_;
  const std::size_t most_bytes_;
  /// What can be written at once without blocking when poll says that there is room; 0: anything.
  const std::size_t chunk_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  std::size_t queued_bytes_ = 0;
  int64_t lost_ = 0;
  bool closed_ = false;
  std::chrono::steady_clock::time_point give_up_;

  // Of the thread.
  int64_t told_ = 0;
  bool in_a_line_ = false;
  std::thread writer_;
};

}  // namespace profile_service
