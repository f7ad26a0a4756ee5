// What the documents show is what is compiled, and the files they name are there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

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
      R"((?:^|[\s(`])((?:src|include|docs|service_config|tests|samples|proto|scripts)/[A-Za-z0-9_./-]*[A-Za-z0-9_]))");
  std::vector<std::string> files;
  for (std::sregex_iterator it(document.begin(), document.end(), kName), end; it != end; ++it) files.push_back((*it)[1]);
  return files;
}

TEST(ReadmeTest, ShowsTheQuickstartAsItIs) {
  const std::string shown = CodeAfter(Read("README.md"), "samples/quickstart/main.cc", "cpp");

  EXPECT_EQ(shown, Read("samples/quickstart/main.cc"));
}

class DocumentTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DocumentTest, NamesOnlyFilesThatAreThere) {
  const std::vector<std::string> files = FilesNamedIn(Read(GetParam()));

  EXPECT_THAT(files,
              ::testing::Each(::testing::ResultOf([](const std::string& file) { return fs::exists(kRoot / file); }, true)));
  EXPECT_FALSE(files.empty());
}

INSTANTIATE_TEST_SUITE_P(Documents, DocumentTest,
                         ::testing::Values("README.md", "docs/life_of_a_call.md", "docs/service_config.md"));

}  // namespace
}  // namespace userclient
