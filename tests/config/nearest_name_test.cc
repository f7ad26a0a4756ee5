#include "config/nearest_name.h"

#include <array>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"timeout", "retryPolicy", "hedgingPolicy", "name"};

TEST(NearestNameTest, FindsAMissingLetter) { EXPECT_EQ(NearestName("retryPolcy", kNames), "retryPolicy"); }

TEST(NearestNameTest, FindsAnotherCase) { EXPECT_EQ(NearestName("RETRYPOLICY", kNames), "retryPolicy"); }

TEST(NearestNameTest, FindsSwappedLetters) { EXPECT_EQ(NearestName("naem", kNames), "name"); }

TEST(NearestNameTest, FindsNothingForADifferentWord) { EXPECT_EQ(NearestName("bulkheads", kNames), ""); }

TEST(NearestNameTest, FindsNothingForNoWord) { EXPECT_EQ(NearestName("", kNames), ""); }

TEST(NearestNameTest, FindsNothingForAWordLongerThanAnyName) { EXPECT_EQ(NearestName(std::string(1'000'000, 'n'), kNames), ""); }

TEST(NearestNameTest, DidYouMeanIsEmptyWithoutACandidate) { EXPECT_EQ(DidYouMean("name", {}), ""); }

TEST(NearestNameTest, DidYouMeanAsks) { EXPECT_EQ(DidYouMean("timout", kNames), "; did you mean timeout?"); }

}  // namespace
}  // namespace userclient::internal
