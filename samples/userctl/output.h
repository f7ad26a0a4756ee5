#pragma once

#include <string_view>

namespace userctl {

/// Standard output. Every line is written at once, so that whoever reads sees each user as it arrives.
class Output {
 public:
  /// Writes `text` and a newline; nothing once writing has failed.
  void Line(std::string_view text);

  /// False when no more can be written: the reader is gone, or the disk is full.
  bool open() const { return error_ == 0; }

  /// The errno of the write that failed, EPIPE for a reader that has gone; 0 if none did.
  int error() const { return error_; }

 private:
  int error_ = 0;
};

}  // namespace userctl
