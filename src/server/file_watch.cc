#include "server/file_watch.h"

#include <utility>

#include "absl/time/time.h"

namespace userclient::internal {

FileWatch::FileWatch(std::chrono::nanoseconds interval, std::vector<std::function<void()>> looks)
    : interval_(interval), looks_(std::move(looks)), thread_([this] { Run(); }) {}

FileWatch::~FileWatch() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  thread_.join();
}

void FileWatch::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&closed_), absl::FromChrono(interval_))) return;
    }
    for (const auto& look : looks_) look();
  }
}

}  // namespace userclient::internal
