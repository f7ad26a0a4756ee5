#include "server/page_token.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

TEST(PageTokenTest, DecodesWhatItEncoded) {
  const PageToken token{.after = 12345678901234, .until = 12345678909999};

  EXPECT_EQ(DecodePageToken(EncodePageToken(token)), token);
}

TEST(PageTokenTest, IsTheSameInEveryProcess) {
  EXPECT_EQ(EncodePageToken({.after = 2, .until = 3}), "AgAAAAAAAAADAAAAAAAAANUWWJmWTzIx");
}

TEST(PageTokenTest, EveryChangedCharacterIsNoticed) {
  const std::string token = EncodePageToken({.after = 2, .until = 30});

  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(DecodePageToken(changed), std::nullopt) << changed;
  }
}

TEST(PageTokenTest, RefusesWhatItDidNotMake) {
  const std::string token = EncodePageToken({.after = 2, .until = 30});

  EXPECT_EQ(DecodePageToken(""), std::nullopt);
  EXPECT_EQ(DecodePageToken("2"), std::nullopt);
  EXPECT_EQ(DecodePageToken("not base64 !"), std::nullopt);
  EXPECT_EQ(DecodePageToken(token.substr(1)), std::nullopt);
  EXPECT_EQ(DecodePageToken(token + "A"), std::nullopt);
  EXPECT_EQ(DecodePageToken(token + token), std::nullopt);
}

TEST(PageTokenTest, RefusesAWalkThatWouldBeOver) {
  EXPECT_EQ(DecodePageToken(EncodePageToken({.after = 3, .until = 3})), std::nullopt);
  EXPECT_EQ(DecodePageToken(EncodePageToken({.after = -1, .until = 3})), std::nullopt);
}

}  // namespace
}  // namespace userclient::internal
