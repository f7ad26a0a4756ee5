#include "config/json_reader.h"

#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/config/test_name.h"

namespace userclient::internal {
namespace {

std::string Repeat(std::string_view part, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += part;
  return text;
}

struct BadText {
  std::string text;
  std::string error;

  // Also in the names that ctest shows: nothing but letters.
  friend void PrintTo(const BadText& tested, std::ostream* out) { *out << TestName(tested.error, tested.error.size()); }
};

class BadTextTest : public ::testing::TestWithParam<BadText> {};

TEST_P(BadTextTest, IsRefusedWithLineAndColumn) {
  Problems problems;

  const absl::StatusOr<Json> json = ReadJson(GetParam().text, problems);

  EXPECT_EQ(json.status(), absl::InvalidArgumentError(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    JsonReader, BadTextTest,
    ::testing::Values(
        BadText{"", "line 1, column 1: syntax error: the text is empty"},
        BadText{"{\n  \"a\": 1,\n}",
                "line 3, column 1: syntax error while parsing object key - unexpected '}'; expected string literal"},
        BadText{"{\n  \"a\": 1\n  \"b\": 2\n}",
                "line 3, column 3: syntax error while parsing object - unexpected string literal; expected '}'"},
        BadText{"{\n  \"a\": {\"b\": 0.1},\n}",
                "line 3, column 1: syntax error while parsing object key - unexpected '}'; expected string literal"},
        BadText{R"({"a": 1 "b\\\"": 2})",
                "line 1, column 9: syntax error while parsing object - unexpected string literal; expected '}'"},
        BadText{R"({"a\\" "\\"})",
                "line 1, column 8: syntax error while parsing object separator - unexpected string literal; expected ':'"},
        BadText{R"({"a": 1 null})",
                "line 1, column 9: syntax error while parsing object - unexpected null literal; expected '}'"},
        BadText{R"({"a": 1 ""})",
                "line 1, column 9: syntax error while parsing object - unexpected string literal; expected '}'"},
        BadText{R"("" "")",
                "line 1, column 4: syntax error while parsing value - unexpected string literal; expected end of input"},
        BadText{"nul", "line 1, column 4: syntax error while parsing value - invalid literal"},
        BadText{"]", "line 1, column 1: syntax error while parsing value - unexpected ']'; expected '[', '{', or a literal"},
        BadText{"{\"\u00e9\": 1 2}",
                "line 1, column 9: syntax error while parsing object - unexpected number literal; expected '}'"},
        BadText{"{\n  \"a\": yes\n}", "line 2, column 8: syntax error while parsing value - invalid literal"},
        BadText{"{\n  // why\n}",
                "line 2, column 3: syntax error while parsing object key - invalid literal; expected string literal"},
        BadText{"{\"a\": \"b\n\"}",
                "line 1, column 9: syntax error while parsing value - invalid string: control character U+000A (LF) must "
                "be escaped to \\u000A or \\n"},
        BadText{"{\"a\": 01}", "line 1, column 7: syntax error while parsing object - unexpected number literal; expected '}'"},
        BadText{"{\"a\": 1e999}", "line 1, column 7: number too large"},
        BadText{"{\"a\": \"\xff\"}",
                "line 1, column 8: syntax error while parsing value - invalid string: ill-formed UTF-8 byte"},
        BadText{"{} {}", "line 1, column 4: syntax error while parsing value - unexpected '{'; expected end of input"},
        BadText{"{",
                "line 1, column 2: syntax error while parsing object key - unexpected end of input; expected string literal"},
        BadText{std::string("{}\n\0garbage", 11), "line 2, column 1: syntax error: a NUL byte"}),
    [](const auto& tested) { return TestName(tested.param.error, tested.index); });

TEST(JsonReaderTest, NamesEveryRepeatedKeyByItsPath) {
  Problems problems;

  const absl::StatusOr<Json> json = ReadJson(R"({"a": 1, "b": [{"c": 1}, {"c": 2, "c": 3}], "a": {"d": [1], "d": 2}})", problems);

  ASSERT_TRUE(json.ok());
  EXPECT_EQ(problems.ToStatus(), absl::InvalidArgumentError("3 problems:\n"
                                                            "  b[1].c: stands twice; keep one\n"
                                                            "  a: stands twice; keep one\n"
                                                            "  a.d: stands twice; keep one"));
}

TEST(JsonReaderTest, KeepsTheFirstValueOfARepeatedKey) {
  Problems problems;

  const absl::StatusOr<Json> json = ReadJson(R"({"a": {"b": 1}, "a": {"b": 2, "b": {"c": 3, "c": 4}}})", problems);

  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*json, Json::parse(R"({"a": {"b": 1}})"));
}

TEST(JsonReaderTest, TakesTheSameKeyInDifferentObjects) {
  Problems problems;

  const absl::StatusOr<Json> json = ReadJson(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]})", problems);

  EXPECT_TRUE(json.ok());
  EXPECT_TRUE(problems.empty());
}

TEST(JsonReaderTest, BuildsWhatTheLibraryItselfWouldBuild) {
  const std::string text =
      R"({"n": null, "t": true, "i": -7, "u": 18446744073709551615, "f": 0.1, "s": "\u00e9", "l": [[], {}, [1, [2]]]})";
  Problems problems;

  const absl::StatusOr<Json> json = ReadJson(text, problems);

  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(*json, Json::parse(text));
}

TEST(JsonReaderTest, TakesAByteOrderMark) {
  Problems problems;

  const absl::StatusOr<Json> json = ReadJson("\xEF\xBB\xBF{}", problems);

  EXPECT_TRUE(json.ok()) << json.status();
}

TEST(JsonReaderTest, Takes64LevelsAndRefusesThe65th) {
  Problems problems;

  const absl::StatusOr<Json> deep = ReadJson(Repeat("[", 64) + Repeat("]", 64), problems);
  const absl::StatusOr<Json> deeper = ReadJson(Repeat("[", 65) + Repeat("]", 65), problems);

  EXPECT_TRUE(deep.ok()) << deep.status();
  EXPECT_EQ(deeper.status(), absl::InvalidArgumentError("nested more than 64 levels deep"));
}

TEST(JsonReaderTest, SurvivesAMillionOpenBrackets) {
  Problems problems;

  const absl::StatusOr<Json> lists = ReadJson(Repeat("[", 1'000'000), problems);
  const absl::StatusOr<Json> objects = ReadJson(Repeat("{\"a\":", 200'000), problems);

  EXPECT_EQ(lists.status(), absl::InvalidArgumentError("nested more than 64 levels deep"));
  EXPECT_EQ(objects.status(), absl::InvalidArgumentError("nested more than 64 levels deep"));
}

TEST(JsonReaderTest, RefusesMoreThanAMebibyte) {
  Problems problems;

  const absl::StatusOr<Json> large = ReadJson("{}" + std::string(kMostBytes - 2, ' '), problems);
  const absl::StatusOr<Json> larger = ReadJson("{}" + std::string(kMostBytes - 1, ' '), problems);

  EXPECT_TRUE(large.ok()) << large.status();
  EXPECT_EQ(larger.status(), absl::InvalidArgumentError("larger than 1 MiB, which no service config is"));
}

}  // namespace
}  // namespace userclient::internal
