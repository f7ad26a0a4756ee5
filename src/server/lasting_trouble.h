#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"

namespace userclient::internal {

/// Decides what is worth telling of something that is tried again and again: a failure that has been there twice in a row, once.
/// (Two files that belong together are rarely written at the same moment.) One thread at a time.
class LastingTrouble {
 public:
  /// What came of a try. True: tell of it.
  bool Note(const absl::Status& outcome) {
    std::string text = outcome.ok() ? std::string() : outcome.ToString();
    if (text != last_) {
      last_ = std::move(text);
      told_ = false;
      return false;
    }
    return !outcome.ok() && !std::exchange(told_, true);
  }

 private:
  std::string last_;
  bool told_ = false;
};

}  // namespace userclient::internal
