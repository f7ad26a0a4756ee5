#include "line_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace profile_service {
namespace {

/// A pipe that has room takes this much without blocking, if nobody else writes to it.
std::size_t ChunkOf(int descriptor) {
  struct stat file {};
  return fstat(descriptor, &file) == 0 && S_ISREG(file.st_mode) ? 0 : PIPE_BUF;
}

/// Standard output's own description is shared with others, and cannot be made non-blocking. A pipe and a terminal can be opened
/// anew; a socket cannot, nor can a file, whose position is in the description.
int StandardOutput() {
  struct stat file {};
  const bool anew = fstat(STDOUT_FILENO, &file) == 0 && (S_ISFIFO(file.st_mode) || S_ISCHR(file.st_mode));
  const int descriptor = anew ? open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
  return descriptor >= 0 ? descriptor : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
}

}  // namespace

absl::StatusOr<std::shared_ptr<LineLog>> LineLog::Open(const std::string& file) {
  if (file == "none") return std::make_shared<LineLog>(-1);
  const int descriptor = file == "-" ? StandardOutput() : open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return absl::NotFoundError(absl::StrCat("--log: cannot write to ", file, ": ", std::generic_category().message(errno)));
  }
  return std::make_shared<LineLog>(descriptor);
}

LineLog::LineLog(int descriptor, std::size_t most_bytes)
    : descriptor_(descriptor), most_bytes_(most_bytes), chunk_(ChunkOf(descriptor)) {
  if (descriptor_ >= 0) writer_ = std::thread([this] { WriteQueued(); });
}

LineLog::~LineLog() {
  Close();
  if (descriptor_ >= 0) close(descriptor_);
}

void LineLog::Write(std::string_view line) {
  if (descriptor_ < 0) return;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || queued_bytes_ + line.size() > most_bytes_) {
      ++lost_;
      return;
    }
    queue_.emplace_back(line);
    queued_bytes_ += line.size();
  }
  changed_.notify_one();
}

int64_t LineLog::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void LineLog::Close() {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) give_up_ = std::chrono::steady_clock::now() + kLastWords;
    closed_ = true;
  }
  changed_.notify_one();
  if (writer_.joinable()) writer_.join();
}

void LineLog::WriteQueued() {
  while (true) {
    std::deque<std::string> lines;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      lines = std::exchange(queue_, {});
    }
    for (const std::string& line : lines) {
      WriteLine(line);
      const std::lock_guard lock(mutex_);
      queued_bytes_ -= line.size();
    }
    TellLost();
  }
}

void LineLog::WriteLine(const std::string& line) {
  const std::string text = absl::StrCat(in_a_line_ ? "\n" : "", line, "\n");
  const std::size_t written = WriteText(text);
  if (written > 0) in_a_line_ = written < text.size();
  if (written == text.size()) return;
  const std::lock_guard lock(mutex_);
  ++lost_;
}

std::size_t LineLog::WriteText(std::string_view text) {
  std::size_t written = 0;
  while (written < text.size()) {
    if (!AwaitWritable()) break;
    const std::size_t left = text.size() - written;
    const ssize_t count = write(descriptor_, text.data() + written, chunk_ == 0 ? left : std::min(left, chunk_));
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  return written;
}

bool LineLog::AwaitWritable() {
  constexpr int kLookAgainMs = 100;
  pollfd watched = {.fd = descriptor_, .events = POLLOUT, .revents = 0};
  while (true) {
    const bool last_try = HasGivenUp();
    // An error is told by write.
    if (poll(&watched, 1, last_try ? 0 : kLookAgainMs) > 0) return true;
    if (last_try) return false;
  }
}

bool LineLog::HasGivenUp() const {
  const std::lock_guard lock(mutex_);
  return closed_ && std::chrono::steady_clock::now() >= give_up_;
}

void LineLog::TellLost() {
  const int64_t lost = this->lost();
  if (lost == told_) return;
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const std::string text =
      absl::StrCat(in_a_line_ ? "\n" : "", "{\"time\":\"", time, "\",\"event\":\"lines_lost\",\"lines\":", lost - told_, "}\n");
  const std::size_t written = WriteText(text);
  if (written > 0) in_a_line_ = written < text.size();
  if (written == text.size()) told_ = lost;
}

}  // namespace profile_service
