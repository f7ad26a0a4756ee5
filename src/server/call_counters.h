#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "userclient/server/user_server.h"

namespace userclient::internal {

/// What the server was asked, method by method. Thread-safe.
class CallCounters {
 public:
  void NoteArrival(std::string_view method, bool first_attempt);
  void NoteFault(std::string_view method);
  void NoteEnd(std::string_view method, absl::StatusCode code);

  MethodCounters Of(std::string_view method) const;
  std::map<std::string, MethodCounters> All() const;
  void Reset();

 private:
  MethodCounters& At(std::string_view method) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, MethodCounters, std::less<>> methods_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::internal
