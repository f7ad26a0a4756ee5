#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace userctl {

/// Notices that nobody reads standard output any more (`userctl watch | head -n 1`), which a program that has nothing to write
/// would not.
class ReaderWatch {
 public:
  /// `on_gone` is called at most once, on a thread of this one's.
  explicit ReaderWatch(std::function<void()> on_gone);
  ~ReaderWatch();

  ReaderWatch(const ReaderWatch&) = delete;
  ReaderWatch& operator=(const ReaderWatch&) = delete;

  bool gone() const { return gone_; }

 private:
  void Watch();

  const std::function<void()> on_gone_;
  std::atomic<bool> gone_ = false;
  /// Closed at its writing end when it is over.
  int over_[2] = {-1, -1};
  std::thread watcher_;
};

}  // namespace userctl
