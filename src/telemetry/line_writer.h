#pragma once

#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace userclient::internal {

/// Writes lines to something that may fail, and tells how many were lost as soon as it works again. *Thread-safe.*
class LineWriter {
 public:
  /// Writes all of a text, or says false: then perhaps a part of it. Must not throw.
  using Write = std::function<bool(std::string_view text)>;

  explicit LineWriter(Write write) : write_(std::move(write)) {}

  /// `line` is without its end.
  void operator()(std::string_view line);

 private:
  const Write write_;
  std::mutex mutex_;
  // Guarded by mutex_.
  size_t lost_ = 0;
};

/// To a stream, whatever state it is in, and flushed.
bool WriteTo(std::ostream& stream, std::string_view text);

/// To a file descriptor. One that is full, and does not block, is a failure.
bool WriteTo(int file, std::string_view text);

}  // namespace userclient::internal
