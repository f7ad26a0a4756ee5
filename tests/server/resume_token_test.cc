#include "server/resume_token.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/page_token.h"

namespace userclient::internal {
namespace {

TEST(ResumeTokenTest, ComesBackAsItWas) {
  for (const ResumeToken token : {ResumeToken{}, ResumeToken{.feed_id = UINT64_MAX, .after = INT64_MAX}, ResumeToken{7, 42}}) {
    EXPECT_EQ(DecodeResumeToken(EncodeResumeToken(token)), token);
  }
}

TEST(ResumeTokenTest, IsTheSameInEveryVersion) {
  EXPECT_EQ(EncodeResumeToken({.feed_id = 7, .after = 42}), "BwAAAAAAAAAqAAAAAAAAAAkH5MosSMcf");
}

TEST(ResumeTokenTest, EveryOtherTextIsRefused) {
  const std::string token = EncodeResumeToken({.feed_id = 7, .after = 42});

  EXPECT_EQ(DecodeResumeToken(""), std::nullopt);
  EXPECT_EQ(DecodeResumeToken(token + "="), std::nullopt);
  EXPECT_EQ(DecodeResumeToken(token.substr(1)), std::nullopt);
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(DecodeResumeToken(changed), std::nullopt) << changed;
  }
  EXPECT_EQ(DecodeResumeToken(EncodePageToken({.after = 7, .until = 42})), std::nullopt);
  EXPECT_EQ(DecodeResumeToken(EncodeResumeToken({.feed_id = 7, .after = -1})), std::nullopt);
}

}  // namespace
}  // namespace userclient::internal
