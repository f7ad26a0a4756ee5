#include "interrupt.h"

#include <pthread.h>

#include <cstdlib>

#include "exit_status.h"

namespace userctl {
namespace {

// Only sent by the destructor, to the watching thread.
constexpr int kWakeUp = SIGUSR1;

bool IsIgnored(int signal) {
  struct sigaction action = {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Interrupt::Interrupt() {
  sigemptyset(&signals_);
  sigaddset(&signals_, kWakeUp);
  for (int signal : {SIGINT, SIGTERM}) {
    if (!IsIgnored(signal)) sigaddset(&signals_, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  watcher_ = std::thread([this] { Watch(); });
}

Interrupt::~Interrupt() {
  over_ = true;
  pthread_kill(watcher_.native_handle(), kWakeUp);
  watcher_.join();
}

void Interrupt::Watch() {
  while (!over_) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0 || signal == kWakeUp) continue;
    if (!stop_.request_stop()) std::_Exit(ExitStatusOf(absl::StatusCode::kCancelled));
  }
}

}  // namespace userctl
