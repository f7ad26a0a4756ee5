#include "input_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace userctl {

void InputFile::WakeUp::operator()() const {
  const uint64_t one = 1;
  // Cannot fail: the counter is far from full.
  static_cast<void>(write(descriptor, &one, sizeof(one)) == sizeof(one));
}

InputFile::InputFile(const std::string& file, const std::stop_token& stop)
    : descriptor_(file == "-" ? STDIN_FILENO : open(file.c_str(), O_RDONLY | O_CLOEXEC)), owned_(file != "-") {
  if (descriptor_ < 0) {
    error_ = errno;
    return;
  }
  cancelled_ = eventfd(0, EFD_CLOEXEC);
  on_stop_.emplace(stop, WakeUp{cancelled_});
}

InputFile::~InputFile() {
  on_stop_.reset();
  if (cancelled_ >= 0) close(cancelled_);
  if (owned_ && descriptor_ >= 0) close(descriptor_);
}

InputFile::int_type InputFile::underflow() {
  ssize_t size = -1;
  do {
    if (!AwaitInput()) return traits_type::eof();
    size = read(descriptor_, buffer_.data(), buffer_.size());
  } while (size < 0 && (errno == EINTR || errno == EAGAIN));
  if (size < 0) {
    error_ = errno;
    // The stream catches it, and sets its badbit.
    throw std::system_error(error_, std::generic_category());
  }
  if (size == 0) return traits_type::eof();
  setg(buffer_.data(), buffer_.data(), buffer_.data() + size);
  return traits_type::to_int_type(buffer_.front());
}

bool InputFile::AwaitInput() const {
  pollfd waited_for[] = {{.fd = descriptor_, .events = POLLIN, .revents = 0}, {.fd = cancelled_, .events = POLLIN, .revents = 0}};
  while (poll(waited_for, 2, -1) < 0) {
    if (errno != EINTR) return true;
  }
  return waited_for[1].revents == 0;
}

}  // namespace userctl
