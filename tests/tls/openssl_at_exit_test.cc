#include "tls/openssl_at_exit.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>
#include <iostream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

class OpensslAtExitTest : public ::testing::Test {
 protected:
  // A process in which nothing has used OpenSSL.
  OpensslAtExitTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  [[noreturn]] static void UseOpensslAndExit() {
    std::array<unsigned char, 8> bytes{};
    RAND_bytes(bytes.data(), bytes.size());
    OPENSSL_atexit([] { std::cerr << "cleaned up"; });
    std::exit(0);
  }
};

TEST_F(OpensslAtExitTest, NothingIsCleanedUp) {
  const auto process = [] {
    LeaveOpensslAsItIsAtExit();
    UseOpensslAndExit();
  };

  EXPECT_EXIT(process(), ::testing::ExitedWithCode(0), ::testing::Not(::testing::HasSubstr("cleaned up")));
}

#ifndef __SANITIZE_ADDRESS__  // There every program does the same from its start on (cmake/asan_exit.cc).
TEST_F(OpensslAtExitTest, ByItselfOpensslWould) {
  EXPECT_EXIT(UseOpensslAndExit(), ::testing::ExitedWithCode(0), ::testing::HasSubstr("cleaned up"));
}

TEST_F(OpensslAtExitTest, WhoHasUsedItBeforeHasDecided) {
  const auto process = [] {
    std::array<unsigned char, 8> bytes{};
    RAND_bytes(bytes.data(), bytes.size());
    LeaveOpensslAsItIsAtExit();
    UseOpensslAndExit();
  };

  EXPECT_EXIT(process(), ::testing::ExitedWithCode(0), ::testing::HasSubstr("cleaned up"));
}
#endif

}  // namespace
}  // namespace userclient::internal
