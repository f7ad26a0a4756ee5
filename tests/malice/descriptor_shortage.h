#pragma once

#include <sys/resource.h>

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
};

}  // namespace userclient::testing
