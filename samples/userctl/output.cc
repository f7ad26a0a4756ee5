#include "output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace userctl {
namespace {

/// 0, or the errno of what went wrong.
int WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd writable = {.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

void Output::Line(std::string_view text) {
  if (error_ == 0) error_ = WriteAll(std::string(text) + "\n");
}

}  // namespace userctl
