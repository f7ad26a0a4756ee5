#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/pod.h"

namespace userclient::testing {

/// So many pods that take calls.
class Pods {
 public:
  explicit Pods(int count);

  Pod& operator[](size_t index) { return *pods_[index]; }

  /// All of them, for a client.
  std::string target() const { return target_; }

 private:
  std::vector<std::unique_ptr<Pod>> pods_;
  std::string target_ = "ipv4:";
};

}  // namespace userclient::testing
