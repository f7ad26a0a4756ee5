#pragma once

#include <sys/resource.h>

#include <vector>

namespace userclient::testing {

/// While it lives, this process gets so many more file descriptors; it keeps those that it has. *Of one at a time.*
class DescriptorShortage {
 public:
  explicit DescriptorShortage(int spare = 0);
  ~DescriptorShortage();

  DescriptorShortage(const DescriptorShortage&) = delete;
  DescriptorShortage& operator=(const DescriptorShortage&) = delete;

 private:
  rlimit before_{};
  /// Those that became free meanwhile.
  std::vector<int> kept_;
};

}  // namespace userclient::testing
