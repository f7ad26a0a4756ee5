#include "server/call_counters.h"

namespace userclient::internal {

MethodCounters& CallCounters::At(std::string_view method) {
  auto found = methods_.find(method);
  return found != methods_.end() ? found->second : methods_[std::string(method)];
}

void CallCounters::NoteArrival(std::string_view method, bool first_attempt) {
  absl::MutexLock lock(&mutex_);
  MethodCounters& counters = At(method);
  ++counters.attempts;
  if (first_attempt) ++counters.calls;
}

void CallCounters::NoteFault(std::string_view method) {
  absl::MutexLock lock(&mutex_);
  ++At(method).injected_faults;
}

void CallCounters::NoteEnd(std::string_view method, absl::StatusCode code) {
  absl::MutexLock lock(&mutex_);
  ++At(method).ended[code];
}

MethodCounters CallCounters::Of(std::string_view method) const {
  absl::MutexLock lock(&mutex_);
  auto found = methods_.find(method);
  return found != methods_.end() ? found->second : MethodCounters();
}

std::map<std::string, MethodCounters> CallCounters::All() const {
  absl::MutexLock lock(&mutex_);
  return {methods_.begin(), methods_.end()};
}

void CallCounters::Reset() {
  absl::MutexLock lock(&mutex_);
  methods_.clear();
}

}  // namespace userclient::internal
