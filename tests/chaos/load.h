#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/call_record.h"
#include "tests/chaos/caller.h"
#include "tests/chaos/scenario.h"

namespace userclient::chaos {

/// The calls of one kind of callers, under way.
class Load {
 public:
  /// Starts them, for at most so long. All must outlive it.
  Load(Caller& caller, const Callers& callers, Clock::time_point start, std::chrono::nanoseconds longest);

  /// No call is due from then on, which is not yet past.
  void EndAt(std::chrono::nanoseconds end) { end_ = end.count(); }

  /// After EndAt. Blocks until every call has ended. Ends the program if one does not, long after its deadline: there is no way
  /// to go on.
  std::vector<CallRecord> Finish();

  /// After Finish, of callers who create.
  Creations creations() const;

 private:
  void StartCalls(size_t first, size_t threads);
  void StartCall(size_t number);
  void GetUser(size_t number);
  void CreateUser(size_t number);
  void End(size_t number, const absl::Status& status);

  Caller& caller_;
  const Callers callers_;
  const Clock::time_point start_;
  std::atomic<int64_t> end_;
  /// From beginning to end those that are due before the end, which is known late.
  std::vector<CallRecord> calls_;
  std::atomic<size_t> threads_over_ = 0;
  std::atomic<int64_t> begun_ = 0;
  std::atomic<int64_t> ended_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::string> acknowledged_;  // Guarded by mutex_.
  std::vector<std::jthread> threads_;
};

}  // namespace userclient::chaos
