#include "tests/malice/descriptor_shortage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace userclient::testing {

DescriptorShortage::DescriptorShortage(int spare) {
  // The kernel gives out the lowest number that is free, and none from the limit on.
  std::vector<int> held;
  for (int i = 0; i <= spare; ++i) held.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
  rlimit lower = before_;
  lower.rlim_cur = static_cast<rlim_t>(held.back());
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  close(held.back());
  TakeTheRest();
  held.pop_back();
  for (const int descriptor : held) close(descriptor);
}

void DescriptorShortage::TakeTheRest() {
  int more = 0;
  while ((more = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) kept_.push_back(more);
  EXPECT_EQ(errno, EMFILE);
}

DescriptorShortage::~DescriptorShortage() {
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0);
  for (const int descriptor : kept_) close(descriptor);
}

}  // namespace userclient::testing
