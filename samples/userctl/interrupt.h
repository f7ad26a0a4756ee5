#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace userctl {

/// Turns the first SIGINT or SIGTERM into a stop request, and ends the program at the second. A signal that the program was
/// started to ignore (nohup, a shell's background job) stays ignored.
///
/// Make it before any other thread starts: the signals are blocked in every thread and fetched by one of its own, so nothing ever
/// runs inside a signal handler.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();

  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void Watch();

  std::stop_source stop_;
  std::atomic<bool> over_ = false;
  sigset_t signals_;
  std::thread watcher_;
};

}  // namespace userctl
