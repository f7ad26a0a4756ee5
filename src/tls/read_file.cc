#include "tls/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

constexpr size_t kMostBytes = size_t{16} << 20;

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  // Opening a named pipe that nobody writes to waits for a writer, for ever, unless it is told not to. It holds nothing then.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  // What somebody is writing is waited for.
  bool good = descriptor >= 0 && fcntl(descriptor, F_SETFL, 0) == 0;
  int error = errno;
  std::string text;
  std::array<char, 4096> buffer;
  while (good) {
    const ssize_t read_bytes = read(descriptor, buffer.data(), buffer.size());
    if (read_bytes == 0) break;
    if (read_bytes > 0) {
      text.append(buffer.data(), static_cast<size_t>(read_bytes));
      // Such as /dev/zero, which has no end.
      good = text.size() <= kMostBytes;
      error = EFBIG;
    } else if (errno != EINTR) {
      // A directory can be opened, and turns out bad.
      good = false;
      error = errno;
    }
  }
  if (descriptor >= 0) close(descriptor);
  if (!good) return absl::ErrnoToStatus(error, absl::StrCat("cannot read ", path.string()));
  return text;
}

}  // namespace userclient::internal
