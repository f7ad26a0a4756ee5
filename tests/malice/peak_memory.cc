#include "tests/malice/peak_memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <string>

namespace userclient::testing {
namespace {

int64_t KibOf(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoll(line.substr(field.size()));
  }
  ADD_FAILURE() << "/proc/self/status has no " << field;
  return 0;
}

}  // namespace

PeakMemory::PeakMemory() {
  // Proc(5): what the peak is now becomes what is resident now.
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5" << std::flush;
  if (!clear.good())
    std::cout << "this kernel does not let go of its mark: growth below an earlier peak is not seen" << std::endl;
  before_kib_ = KibOf("VmHWM:");
}

int64_t PeakMemory::growth() const { return (KibOf("VmHWM:") - before_kib_) / 1024; }

}  // namespace userclient::testing
