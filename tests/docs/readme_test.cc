// What the documents show is what is compiled, and the files they name are there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "userclient/user_client.h"

namespace userclient {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = USERCLIENT_SOURCE_DIR;

std::string Read(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(kRoot / file).rdbuf();
  return text.str();
}

/// What stands in a document between ``` of this language, after a mark.
std::string CodeAfter(const std::string& document, const std::string& mark, const std::string& language) {
  const size_t marked = document.find(mark);
  const std::string open = "```" + language + "\n";
  const size_t begin = marked == std::string::npos ? marked : document.find(open, marked);
  if (begin == std::string::npos) return {};
  const size_t code = begin + open.size();
  return document.substr(code, document.find("```", code) - code);
}

/// The files of this project that a document names: in links, and as `src/...` and the like.
std::vector<std::string> FilesNamedIn(const std::string& document) {
  static const std::regex kName(
      R"((?:^|[\s(`])(?:\.\./)?((?:src|include|docs|service_config|tests|samples|proto|scripts)/[A-Za-z0-9_./-]*[A-Za-z0-9_]))");
  std::vector<std::string> files;
  for (std::sregex_iterator it(document.begin(), document.end(), kName), end; it != end; ++it) files.push_back((*it)[1]);
  return files;
}

TEST(ReadmeTest, ShowsTheQuickstartAsItIs) {
  const std::string shown = CodeAfter(Read("README.md"), "samples/quickstart/main.cc", "cpp");

  EXPECT_EQ(shown, Read("samples/quickstart/main.cc"));
}

/// All that a regular expression finds.
std::vector<std::string> Found(const std::string& text, const std::regex& what) {
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), what), end; it != end; ++it) found.push_back((*it)[1]);
  return found;
}

TEST(ReadmeTest, HasTheNumbersThatWereMeasured) {
  const std::string readme = Read("README.md");
  const std::string chaos = Read("docs/chaos.md");
  const std::string performance = Read("docs/performance.md");
  const std::vector<std::string> failed = Found(readme, std::regex(R"((\d+ of \d+) failed)"));
  const std::vector<std::string> instructions = Found(readme, std::regex(R"((\d+,\d+))"));

  EXPECT_GE(failed.size(), 5u);
  for (const std::string& calls : failed) EXPECT_NE(chaos.find("| " + calls + " |"), std::string::npos) << calls;
  EXPECT_GE(instructions.size(), 4u);
  for (const std::string& number : instructions) EXPECT_NE(performance.find("| " + number + " |"), std::string::npos) << number;
}

/// What stands between "// [name]" and "// [end]" of a source, as it reads at the left margin.
std::map<std::string, std::string> Regions(const std::string& source) {
  std::map<std::string, std::string> regions;
  std::string* region = nullptr;
  size_t margin = 0;
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);) {
    const size_t mark = line.find("// [");
    if (mark != std::string::npos && line.find_first_not_of(' ') == mark) {
      const std::string name = line.substr(mark + 4, line.size() - mark - 5);
      region = name == "end" ? nullptr : &regions[name];
      margin = mark;
    } else if (region != nullptr) {
      *region += (line.empty() ? line : line.substr(margin)) + "\n";
    }
  }
  return regions;
}

/// What stands between "```cpp" and "```".
std::vector<std::string> CppIn(const std::string& document) {
  const std::string open = "```cpp\n";
  std::vector<std::string> blocks;
  for (size_t begin = document.find(open); begin != std::string::npos; begin = document.find(open, begin)) {
    begin += open.size();
    blocks.push_back(document.substr(begin, document.find("```", begin) - begin));
  }
  return blocks;
}

struct Guide {
  const char* document;
  const char* source;
};

class GuideTest : public ::testing::TestWithParam<Guide> {};

TEST_P(GuideTest, ShowsEveryRegionOfItsSourceAndNoOtherCode) {
  const std::map<std::string, std::string> regions = Regions(Read(GetParam().source));
  std::vector<std::string> shown = CppIn(Read(GetParam().document));

  EXPECT_FALSE(regions.empty());
  for (const auto& [name, code] : regions) {
    EXPECT_THAT(shown, ::testing::Contains(code)) << GetParam().document << " does not show [" << name << "] as it is";
    std::erase(shown, code);
  }
  EXPECT_THAT(shown, ::testing::IsEmpty()) << "code that " << GetParam().source << " does not have";
}

INSTANTIATE_TEST_SUITE_P(Guides, GuideTest,
                         ::testing::Values(Guide{"docs/deployment.md", "tests/docs/deployment_guide.cc"},
                                           Guide{"docs/migrating.md", "tests/docs/migrating_guide.cc"},
                                           Guide{"docs/security.md", "tests/docs/security_guide.cc"},
                                           Guide{"docs/telemetry.md", "tests/telemetry/opentelemetry_test.cc"},
                                           Guide{"docs/testing.md", "tests/testing/guide_test.cc"},
                                           Guide{"docs/tour.md", "tests/docs/tour_guide.cc"},
                                           Guide{"docs/troubleshooting.md", "tests/docs/troubleshooting_guide.cc"}));

TEST(MigratingTest, ShowsAServiceConfigThatCanBeUsed) {
  const std::string shown = CodeAfter(Read("docs/migrating.md"), "## Retries", "json");

  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(shown);

  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(UserClient::CheckConfig(*config).ok());
}

class DocumentTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DocumentTest, NamesOnlyFilesThatAreThere) {
  const std::vector<std::string> files = FilesNamedIn(Read(GetParam()));

  EXPECT_THAT(files,
              ::testing::Each(::testing::ResultOf([](const std::string& file) { return fs::exists(kRoot / file); }, true)));
  EXPECT_FALSE(files.empty());
}

INSTANTIATE_TEST_SUITE_P(Documents, DocumentTest,
                         ::testing::Values("README.md", "docs/chaos.md", "docs/defaults.md", "docs/deployment.md",
                                           "docs/hardening.md", "docs/life_of_a_call.md", "docs/migrating.md",
                                           "docs/operations.md", "docs/security.md", "docs/service_config.md",
                                           "docs/sick_servers.md", "docs/telemetry.md", "docs/testing.md", "docs/tour.md",
                                           "docs/versions.md"));

}  // namespace
}  // namespace userclient
