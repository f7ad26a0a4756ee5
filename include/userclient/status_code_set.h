#pragma once

#include <cstdint>
#include <initializer_list>

#include "absl/status/status.h"

namespace userclient {

/// A set of gRPC status codes, as in `retryableStatusCodes`. A small value: copy it.
class StatusCodeSet {
 public:
  constexpr StatusCodeSet() = default;
  constexpr StatusCodeSet(std::initializer_list<absl::StatusCode> codes) {
    for (absl::StatusCode code : codes) Insert(code);
  }

  constexpr void Insert(absl::StatusCode code) { bits_ |= Bit(code); }
  constexpr bool Contains(absl::StatusCode code) const { return (bits_ & Bit(code)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }

  friend constexpr bool operator==(const StatusCodeSet&, const StatusCodeSet&) = default;

 private:
  // A code outside the 17 that gRPC defines (a server may send any number) is in no set.
  static constexpr uint32_t Bit(absl::StatusCode code) {
    const auto number = static_cast<int>(code);
    return number >= 0 && number <= 16 ? uint32_t{1} << number : 0;
  }

  uint32_t bits_ = 0;
};

}  // namespace userclient
