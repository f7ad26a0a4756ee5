#include "tests/soak/client_process.h"

#include <malloc.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace userclient::testing {
namespace {

int64_t OfThisProcess(std::string_view what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(what)) return std::stoll(line.substr(what.size()));
  }
  return -1;
}

}  // namespace

ClientProcess ClientProcess::Measure() {
  malloc_trim(0);
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return {.resident_kib = OfThisProcess("VmRSS:"),
          // Without the one that counts.
          .descriptors = std::distance(begin(descriptors), end(descriptors)) - 1,
          .threads = OfThisProcess("Threads:")};
}

std::ostream& operator<<(std::ostream& out, const ClientProcess& process) {
  return out << process.resident_kib << " KiB, " << process.descriptors << " descriptors, " << process.threads << " threads";
}

}  // namespace userclient::testing
