#include "telemetry/line_writer.h"

#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "telemetry/json_text.h"

namespace userclient::internal {

void LineWriter::operator()(std::string_view line) {
  const std::lock_guard lock(mutex_);
  std::string text;
  if (lost_ > 0) {
    // The last one may have got halfway.
    text += '\n';
    text += Line({{"time", TimeText(absl::Now())}, {"event", "lines_lost"}, {"lines", lost_}});
    text += '\n';
  }
  text += line;
  text += '\n';
  lost_ = write_(text) ? 0 : lost_ + 1;
}

bool WriteTo(std::ostream& stream, std::string_view text) {
  try {
    stream.clear();
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
    stream.flush();
    return stream.good();
  } catch (...) {
    // What a stream with exceptions() says instead, or the buffer of somebody's own.
    return false;
  }
}

bool WriteTo(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace userclient::internal
