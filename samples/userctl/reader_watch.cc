#include "reader_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace userctl {

ReaderWatch::ReaderWatch(std::function<void()> on_gone) : on_gone_(std::move(on_gone)) {
  // Without file descriptors to spare the next write will tell.
  if (pipe2(over_, O_CLOEXEC) == 0) watcher_ = std::thread([this] { Watch(); });
}

ReaderWatch::~ReaderWatch() {
  if (!watcher_.joinable()) return;
  close(over_[1]);
  watcher_.join();
  close(over_[0]);
}

void ReaderWatch::Watch() {
  // Asked for nothing, poll tells of errors and of the other end's close only; of a file or a living terminal it tells nothing.
  std::array<pollfd, 2> ends = {{{.fd = STDOUT_FILENO, .events = 0, .revents = 0}, {.fd = over_[0], .events = 0, .revents = 0}}};
  while (poll(ends.data(), ends.size(), -1) < 0) {
    if (errno != EINTR) return;
  }
  if (ends[1].revents != 0 || (ends[0].revents & (POLLERR | POLLHUP)) == 0) return;
  gone_ = true;
  on_gone_();
}

}  // namespace userctl
