#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/benchmark/subject.h"

namespace userclient::benchmark {

/// Streams that are read from end to end, over and over: what other subjects call a call is a message here, and every caller has
/// one stream open.
class StreamSubject : public Subject {
 public:
  /// What one caller has read so far, and whether it is to go on.
  class alignas(128) Reading {
   public:
    explicit Reading(int64_t limit = std::numeric_limits<int64_t>::max()) : limit_(limit) {}

    /// A message has been read. False: it was the last one, the stream is to be left.
    bool Count() {
      const int64_t messages = messages_.load(std::memory_order_relaxed) + 1;
      messages_.store(messages, std::memory_order_relaxed);
      if (messages == kWarm) messages_.notify_all();
      return messages < limit_ && !stop_.load(std::memory_order_relaxed);
    }

    /// The last stream has been left, or has failed, and nothing of it is in use any more. Once.
    void End(absl::Status status);

    int64_t messages() const { return messages_.load(std::memory_order_relaxed); }
    void Stop() { stop_.store(true, std::memory_order_relaxed); }
    void WaitUntilWarm() const;
    /// Blocks until the end.
    absl::Status Wait();

   private:
    static constexpr int64_t kWarm = 10;

    const int64_t limit_;
    std::atomic<int64_t> messages_{0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool ended_ = false;
    absl::Status status_;
  };

  /// Reads streams until the reading is over, on a thread of its own, which it may keep or give back at once.
  using Read = std::function<void(Reading& reading)>;

  explicit StreamSubject(Read read) : read_(std::move(read)) {}

  /// On one stream at a time.
  absl::Status Call(int64_t count, int in_flight) override;
  std::unique_ptr<ClosedLoop> Start(int callers) override;

 private:
  const Read read_;
};

/// The streams of StreamActivity for u-1, read by the generated stub or by UserClient. `service_config`: the client's.
std::unique_ptr<Subject> ReadByStub(const std::string& target);
std::unique_ptr<Subject> ReadByStubCallback(const std::string& target);
absl::StatusOr<std::unique_ptr<Subject>> ReadByClient(const std::string& target, const std::string& service_config);
absl::StatusOr<std::unique_ptr<Subject>> ReadByClientAsync(const std::string& target, const std::string& service_config);

}  // namespace userclient::benchmark
