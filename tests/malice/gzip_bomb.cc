#include "tests/malice/gzip_bomb.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <array>

namespace userclient::testing {

std::string GzipBomb(size_t inflated_size) {
  constexpr int kLargestWindow = 15;
  constexpr int kGzipHeader = 16;
  constexpr int kMostMemory = 9;
  z_stream zip = {};
  EXPECT_EQ(deflateInit2(&zip, Z_BEST_COMPRESSION, Z_DEFLATED, kLargestWindow + kGzipHeader, kMostMemory, Z_DEFAULT_STRATEGY),
            Z_OK);
  std::string zeros(inflated_size, '\0');
  zip.next_in = reinterpret_cast<Bytef*>(zeros.data());
  zip.avail_in = static_cast<uInt>(zeros.size());
  std::string bomb;
  std::array<Bytef, 65536> piece;
  int state = Z_OK;
  while (state == Z_OK) {
    zip.next_out = piece.data();
    zip.avail_out = piece.size();
    state = deflate(&zip, Z_FINISH);
    bomb.append(reinterpret_cast<const char*>(piece.data()), piece.size() - zip.avail_out);
  }
  EXPECT_EQ(state, Z_STREAM_END);
  deflateEnd(&zip);
  return bomb;
}

}  // namespace userclient::testing
