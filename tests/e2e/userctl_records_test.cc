// How userctl import reads its files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "samples/userctl/csv_reader.h"
#include "samples/userctl/user_records.h"

namespace userctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

/// One record as "LINE: field|field"; at the end the error, if there is one.
std::vector<std::string> ReadCsv(const std::string& text) {
  std::istringstream stream(text);
  CsvReader reader(stream);
  std::vector<std::string> records;
  while (true) {
    absl::StatusOr<std::optional<CsvReader::Record>> record = reader.Next();
    if (!record.ok()) records.emplace_back(record.status().message());
    if (!record.ok() || !*record) return records;
    records.push_back(absl::StrCat((*record)->line, ": ", absl::StrJoin((*record)->fields, "|")));
  }
}

TEST(CsvReaderTest, SplitsRecordsAndFields) { EXPECT_THAT(ReadCsv("a,b\nc,d\n"), ElementsAre("1: a|b", "2: c|d")); }

TEST(CsvReaderTest, TakesTheLineEndsOfEverySystem) {
  EXPECT_THAT(ReadCsv("a,b\r\nc,d\r\n"), ElementsAre("1: a|b", "2: c|d"));
  EXPECT_THAT(ReadCsv("a,b\r\nc,d"), ElementsAre("1: a|b", "2: c|d"));
  EXPECT_THAT(ReadCsv("a,b\rc,d"), ElementsAre(HasSubstr("line 1: a carriage return without a line feed")));
}

TEST(CsvReaderTest, KeepsEmptyFieldsAndSkipsEmptyLines) {
  EXPECT_THAT(ReadCsv(",\n\n\r\na,,\n,b"), ElementsAre("1: |", "4: a||", "5: |b"));
  EXPECT_THAT(ReadCsv("a,"), ElementsAre("1: a|"));
  EXPECT_THAT(ReadCsv(""), IsEmpty());
  EXPECT_THAT(ReadCsv("\n\n"), IsEmpty());
}

TEST(CsvReaderTest, KeepsSpaces) { EXPECT_THAT(ReadCsv(" a , b \n"), ElementsAre("1:  a | b ")); }

TEST(CsvReaderTest, TakesEverythingBetweenQuotes) {
  EXPECT_THAT(ReadCsv("\"a,b\",\"say \"\"hi\"\"\",\"\"\n"), ElementsAre("1: a,b|say \"hi\"|"));
  EXPECT_THAT(ReadCsv("\"one\ntwo\r\nthree\",x\ny,z\n"), ElementsAre("1: one\ntwo\r\nthree|x", "4: y|z"));
}

TEST(CsvReaderTest, SkipsAByteOrderMark) {
  EXPECT_THAT(ReadCsv("\xef\xbb\xbf"
                      "a,b\n"),
              ElementsAre("1: a|b"));
  EXPECT_THAT(ReadCsv("\xef\xbb\xbf"), IsEmpty());
}

TEST(CsvReaderTest, TellsTheLineOfAMistake) {
  EXPECT_THAT(ReadCsv("a\nb\"c\n"), ElementsAre("1: a", HasSubstr("line 2: a quote inside a field")));
  EXPECT_THAT(ReadCsv("\"a\nb\"c\n"), ElementsAre(HasSubstr("line 2: text after the closing quote")));
  EXPECT_THAT(ReadCsv("a\n\"b\nc\n"), ElementsAre("1: a", HasSubstr("line 2: the quotes that open here are never closed")));
  EXPECT_THAT(ReadCsv(std::string((1 << 20) + 1, 'a')), ElementsAre(HasSubstr("line 1: a field of more than 1048576 bytes")));
  EXPECT_THAT(ReadCsv('"' + std::string((1 << 20) + 1, 'a')), ElementsAre(HasSubstr("are the quotes closed?")));
}

/// One user as "LINE: email|name"; at the end the error, if there is one.
std::vector<std::string> ReadUsers(RecordFormat format, const std::string& text, std::map<int64_t, std::string>* keys = nullptr) {
  std::istringstream stream(text);
  const auto reader = MakeUserRecordReader(format, stream);
  std::vector<std::string> users;
  while (true) {
    absl::StatusOr<std::optional<UserRecord>> user = reader->Next();
    if (!user.ok()) users.emplace_back(user.status().message());
    if (!user.ok() || !*user) return users;
    if (keys != nullptr) (*keys)[(*user)->line] = (*user)->request.idempotency_key();
    users.push_back(absl::StrCat((*user)->line, ": ", std::string((*user)->request.email()), "|",
                                 std::string((*user)->request.display_name())));
  }
}

TEST(UserRecordsTest, FindTheColumnsByTheirNames) {
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "display_name,email\nAda,ada@example.com\n"), ElementsAre("2: ada@example.com|Ada"));
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "email\nada@example.com\n"), ElementsAre("2: ada@example.com|"));
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "email\n"), IsEmpty());
}

TEST(UserRecordsTest, RefuseAHeaderThatCannotBeMeant) {
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, ""), ElementsAre(HasSubstr("line 1: the header is missing")));
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "email,name\n"), ElementsAre(HasSubstr("line 1: there is no field \"name\"")));
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "email,email\n"), ElementsAre(HasSubstr("two columns are called \"email\"")));
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "display_name\n"), ElementsAre(HasSubstr("no column is called \"email\"")));
}

TEST(UserRecordsTest, RefuseALineWithTooFewOrTooManyFields) {
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "email,display_name\na@b,A\na@c\n"),
              ElementsAre("2: a@b|A", "line 3: the number of fields is 1, the header has 2"));
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "email\na@b,A\n"),
              ElementsAre("line 2: the number of fields is 2, the header has 1"));
  EXPECT_THAT(ReadUsers(RecordFormat::kCsv, "email\n\xff@b\n"), ElementsAre("line 2: email is not UTF-8"));
}

TEST(UserRecordsTest, AreOneJsonObjectALine) {
  EXPECT_THAT(ReadUsers(RecordFormat::kJsonLines,
                        "\xef\xbb\xbf{\"email\": \"a@b\"}\r\n\n  \n{\"display_name\":\"\\u00c4da\",\"email\":\"c@d\"}"),
              ElementsAre("1: a@b|",
                          "4: c@d|\xc3\x84"
                          "da"));
}

TEST(UserRecordsTest, RefuseJsonThatIsNoUser) {
  const auto read = [](const std::string& line) { return ReadUsers(RecordFormat::kJsonLines, "\n" + line).at(0); };

  EXPECT_THAT(read("[1]"), HasSubstr("line 2: no JSON object"));
  EXPECT_THAT(read("{\"email\": \"a@b\""), HasSubstr("line 2: no JSON object"));
  EXPECT_THAT(read("{\"email\": \"\xff\"}"), HasSubstr("line 2: no JSON object"));
  EXPECT_THAT(read("{}"), HasSubstr("line 2: \"email\" is missing"));
  EXPECT_THAT(read("{\"email\": 7}"), HasSubstr("line 2: \"email\" must be a string"));
  EXPECT_THAT(read("{\"email\": \"a@b\", \"nick\\n\": \"A\"}"), HasSubstr("line 2: there is no field \"nick\\n\""));
  EXPECT_THAT(read("{\"email\": \"" + std::string(1 << 20, 'a') + "\"}"), HasSubstr("line 2: more than 1048576 bytes"));
}

TEST(UserRecordsTest, HaveTheSameKeysInBothFormatsAndEveryTime) {
  std::map<int64_t, std::string> csv;
  std::map<int64_t, std::string> json;

  ReadUsers(RecordFormat::kCsv, "email,display_name\na@b,A\nc@d,C\n", &csv);
  ReadUsers(RecordFormat::kJsonLines, "\n{\"email\":\"a@b\",\"display_name\":\"A\"}\n{\"email\":\"c@d\",\"display_name\":\"C\"}",
            &json);

  EXPECT_EQ(csv, json);
  EXPECT_EQ(csv[2], "import-2-93176b14860930b5") << "keys of files that were begun with another release must not change";
}

TEST(UserRecordsTest, HaveKeysOfTheirLineAndContent) {
  std::map<int64_t, std::string> keys;
  std::map<int64_t, std::string> mended;

  ReadUsers(RecordFormat::kCsv, "email,display_name\na@b,A\na@b,A\na@bA,\na@b,\n", &keys);
  ReadUsers(RecordFormat::kCsv, "email,display_name\na@b,A\na@x,A\na@bA,\na@b,\n", &mended);

  std::set<std::string> different;
  for (const auto& [line, key] : keys) different.insert(key);
  EXPECT_EQ(different.size(), 4);
  EXPECT_THAT(keys[3], MatchesRegex("import-3-[0-9a-f]+"));
  EXPECT_NE(keys[3], mended[3]);
  EXPECT_EQ(keys[4], mended[4]);
}

TEST(UserRecordsTest, KeepTheKeyThatTheyHave) {
  std::map<int64_t, std::string> keys;

  ReadUsers(RecordFormat::kCsv, "email,idempotency_key\na@b,signup-1\nc@d,\n", &keys);

  EXPECT_EQ(keys[2], "signup-1");
  EXPECT_THAT(keys[3], MatchesRegex("import-3-.*"));
}

TEST(UserRecordsTest, AreRecognisedByNameOrContent) {
  const auto format = [](const std::string& file, const std::string& text) {
    std::istringstream stream(text);
    return FormatOf(file, stream);
  };

  EXPECT_EQ(format("users.csv", "{"), RecordFormat::kCsv);
  EXPECT_EQ(format("users.jsonl", "email"), RecordFormat::kJsonLines);
  EXPECT_EQ(format("users.ndjson", "email"), RecordFormat::kJsonLines);
  EXPECT_EQ(format("-", "{\"email\""), RecordFormat::kJsonLines);
  EXPECT_EQ(format("-", "email"), RecordFormat::kCsv);
  EXPECT_EQ(format("-", ""), RecordFormat::kCsv);
}

}  // namespace
}  // namespace userctl
