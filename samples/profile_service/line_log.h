#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace profile_service {

/// Writes whole lines with one system call each, so that lines of many threads never mix. A log that cannot be written must not
/// stop the service. *Thread-safe.*
class LineLog {
 public:
  /// `file`: a name, "-" for standard output, or "none". *Errors:* NOT_FOUND naming the file.
  static absl::StatusOr<std::shared_ptr<LineLog>> Open(const std::string& file);

  explicit LineLog(int descriptor) : descriptor_(descriptor) {}
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  void Write(std::string_view line);

 private:
  /// -1: none.
  const int descriptor_;
};

}  // namespace profile_service
