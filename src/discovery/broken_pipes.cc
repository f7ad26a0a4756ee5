#include "discovery/broken_pipes.h"

#include <csignal>

namespace userclient::internal {

void IgnoreBrokenPipes() {
  struct sigaction present = {};
  if (sigaction(SIGPIPE, nullptr, &present) != 0) return;
  if ((present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) return;
  struct sigaction ignored = {};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignored, nullptr);
}

}  // namespace userclient::internal
