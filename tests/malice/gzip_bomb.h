#pragma once

#include <cstddef>
#include <string>

namespace userclient::testing {

/// gzip's thousandth part of so many zeros.
std::string GzipBomb(size_t inflated_size);

}  // namespace userclient::testing
