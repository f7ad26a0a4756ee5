#include "line_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace profile_service {

absl::StatusOr<std::shared_ptr<LineLog>> LineLog::Open(const std::string& file) {
  if (file == "none") return std::make_shared<LineLog>(-1);
  const int descriptor = file == "-" ? dup(STDOUT_FILENO) : open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return absl::NotFoundError(absl::StrCat("--log: cannot write to ", file, ": ", std::generic_category().message(errno)));
  }
  return std::make_shared<LineLog>(descriptor);
}

LineLog::~LineLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

void LineLog::Write(std::string_view line) {
  if (descriptor_ < 0) return;
  std::string text(line);
  text.push_back('\n');
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t count = write(descriptor_, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    written += static_cast<std::size_t>(count);
  }
}

}  // namespace profile_service
