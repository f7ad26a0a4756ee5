#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace userclient {

/// The addresses that a name has: a set. Each family in ascending order, without duplicates.
struct Endpoints {
  std::vector<std::string> ipv4{};
  std::vector<std::string> ipv6{};

  bool empty() const { return ipv4.empty() && ipv6.empty(); }
  std::size_t size() const { return ipv4.size() + ipv6.size(); }

  friend bool operator==(const Endpoints&, const Endpoints&) = default;
};

}  // namespace userclient
