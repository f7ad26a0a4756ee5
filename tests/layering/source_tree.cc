#include "tests/layering/source_tree.h"

#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <utility>

namespace userclient::layering {

SourceTree SourceTree::Read(const std::filesystem::path& root, const std::vector<std::string_view>& folders) {
  SourceTree tree;
  for (std::string_view folder : folders) {
    if (!std::filesystem::is_directory(root / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() || (extension != ".h" && extension != ".cc")) continue;
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      tree.Add(entry.path().lexically_relative(root).generic_string(), text);
    }
  }
  return tree;
}

void SourceTree::Add(std::string path, std::string_view text) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*[<"]([^>"]+)[>"].*)re");
  std::vector<Include> includes;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (std::regex_match(line, match, kInclude)) includes.push_back({.header = match[1], .line = number});
  }
  files_[std::move(path)] = std::move(includes);
}

std::string FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? "" : path.substr(0, slash));
}

}  // namespace userclient::layering
