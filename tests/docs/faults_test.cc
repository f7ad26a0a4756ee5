// docs/testing.md and `user_server --help` name what --faults takes, and the example can be used.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "userclient/server/fault_injector.h"

namespace userclient {
namespace {

using ::testing::IsSupersetOf;

const std::filesystem::path kRoot = USERCLIENT_SOURCE_DIR;

std::string Read(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(kRoot / file).rdbuf();
  return text.str();
}

/// What docs/testing.md says of --faults.
std::string Section() {
  const std::string page = Read("docs/testing.md");
  const size_t begin = page.find("\n### Faults by JSON");
  return begin == std::string::npos ? "" : page.substr(begin, page.find("\n## ", begin) - begin);
}

/// What stands between the quotes or backticks of `pattern`'s first group, all of it.
std::set<std::string> Found(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) found.insert((*match)[1]);
  return found;
}

/// The keys of every object that the parser knows.
std::set<std::string> KeysOfTheParser() {
  std::set<std::string> keys;
  for (const std::string& object : Found(Read("src/server/fault_config.cc"), R"(\{((?:"[a-z_]+",?\s*)+)\})")) {
    keys.merge(Found(object, "\"([a-z_]+)\""));
  }
  return keys;
}

TEST(FaultsTest, ThePageHasEveryFieldAndNoOther) {
  const std::set<std::string> keys = KeysOfTheParser();

  EXPECT_THAT(keys, IsSupersetOf({"seed", "probability", "script", "pushback", "never_half_close"}));
  EXPECT_EQ(Found(Section(), "\n\\| `([a-z_]+)` \\|"), keys);
}

TEST(FaultsTest, TheHelpNamesEveryField) {
  const std::string source = Read("samples/user_server/main.cc");
  const size_t begin = source.find("kFooter[] =");
  const std::set<std::string> words = Found(source.substr(begin, source.find("Examples:", begin) - begin), "\\b([a-z_]+)\\b");

  EXPECT_THAT(words, IsSupersetOf(KeysOfTheParser()));
}

TEST(FaultsTest, TheExampleCanBeUsed) {
  const std::string section = Section();
  const std::string open = "```json\n";
  const size_t begin = section.find(open);
  ASSERT_NE(begin, std::string::npos);
  const size_t json = begin + open.size();

  FaultInjector faults;

  EXPECT_TRUE(faults.Set(section.substr(json, section.find("```", json) - json)).ok());
  EXPECT_TRUE(faults.Next("CreateUser").has_value());
}

}  // namespace
}  // namespace userclient
