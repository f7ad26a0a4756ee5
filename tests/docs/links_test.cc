// Every link between the documents leads somewhere: to a file that is there, and to a heading that it has.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace userclient {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = USERCLIENT_SOURCE_DIR;

/// The text of a document without what stands between ``` and ```, where a # begins no heading and a bracket no link.
std::string TextOf(const fs::path& document) {
  std::ifstream file(document);
  std::string text;
  bool code = false;
  for (std::string line; std::getline(file, line);) {
    const bool fence = line.starts_with("```");
    if (!code && !fence) text += line + "\n";
    if (fence) code = !code;
  }
  return text;
}

/// As GitHub makes the anchor of a heading: "## `retryPolicy`: trying again" has "retrypolicy-trying-again".
std::string AnchorOf(const std::string& heading) {
  static const std::regex kLink(R"(\[([^\]]*)\]\([^)]*\))");
  std::string anchor;
  for (const char c : std::regex_replace(heading, kLink, "$1")) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ') {
      anchor += '-';
    } else if (c == '-' || c == '_' || byte >= 0x80 || std::isalnum(byte) != 0) {
      anchor += static_cast<char>(std::tolower(byte));
    }
  }
  return anchor;
}

std::set<std::string> AnchorsIn(const std::string& text) {
  static const std::regex kHeading(R"((?:^|\n)#+ ([^\n]*))");
  std::set<std::string> anchors;
  std::map<std::string, int> seen;
  for (std::sregex_iterator heading(text.begin(), text.end(), kHeading), end; heading != end; ++heading) {
    const std::string anchor = AnchorOf((*heading)[1]);
    const int times = seen[anchor]++;
    anchors.insert(times == 0 ? anchor : anchor + "-" + std::to_string(times));
  }
  return anchors;
}

std::vector<fs::path> Documents() {
  std::vector<fs::path> documents = {kRoot / "README.md", kRoot / "CHANGELOG.md", kRoot / "CONTRIBUTING.md"};
  for (const char* folder : {"docs", "samples"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (entry.path().extension() == ".md") documents.push_back(entry.path());
    }
  }
  std::sort(documents.begin(), documents.end());
  return documents;
}

/// Empty, or what is wrong with a link in a document.
std::string Problem(const fs::path& document, const std::string& link) {
  const size_t hash = std::min(link.find('#'), link.size());
  const fs::path target = hash == 0 ? document : (document.parent_path() / link.substr(0, hash)).lexically_normal();
  if (!fs::exists(target)) return "there is no such file";
  if (hash == link.size()) return "";
  return AnchorsIn(TextOf(target)).contains(link.substr(hash + 1)) ? "" : "there is no such heading";
}

TEST(AnchorTest, IsMadeAsOnGitHub) {
  EXPECT_EQ(AnchorOf("`retryPolicy`: trying again"), "retrypolicy-trying-again");
  EXPECT_EQ(AnchorOf("The numbers in the shipped files, and why"), "the-numbers-in-the-shipped-files-and-why");
  EXPECT_EQ(AnchorOf("Calls: gRFC [A66](https://example.com) and `a_b`"), "calls-grfc-a66-and-a_b");
}

TEST(LinksTest, AllLeadSomewhere) {
  static const std::regex kLink(R"(\]\(([^)\s]+)\))");
  int links = 0;
  for (const fs::path& document : Documents()) {
    const std::string text = TextOf(document);
    for (std::sregex_iterator match(text.begin(), text.end(), kLink), end; match != end; ++match) {
      const std::string link = (*match)[1];
      if (link.find("://") != std::string::npos) continue;
      EXPECT_EQ(Problem(document, link), "") << fs::relative(document, kRoot) << ": " << link;
      ++links;
    }
  }
  EXPECT_GE(links, 100);
}

TEST(LinksTest, TheReadmeLeadsToEveryDocument) {
  const std::string readme = TextOf(kRoot / "README.md");

  for (const fs::directory_entry& entry : fs::directory_iterator(kRoot / "docs")) {
    const std::string name = "docs/" + entry.path().filename().string();
    if (entry.path().extension() != ".md") continue;
    EXPECT_NE(readme.find("(" + name + ")"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace userclient
