#pragma once

#include <sys/resource.h>

#include <vector>

namespace userclient::testing {

/// While it lives, this process gets so many more file descriptors; it keeps those that it has. *Of one at a time.*
class DescriptorShortage {
 public:
  explicit DescriptorShortage(int spare = 0);
  ~DescriptorShortage();

  /// Takes those, too, that other threads have given back meanwhile: one that had a file open when this was made.
  void TakeTheRest();

  DescriptorShortage(const DescriptorShortage&) = delete;
  DescriptorShortage& operator=(const DescriptorShortage&) = delete;

 private:
  rlimit before_{};
  /// Those that became free meanwhile.
  std::vector<int> kept_;
};

}  // namespace userclient::testing
