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
      std::filesystem::path path = entry.path();
      // What CMake configures is read as what it becomes.
      if (path.extension() == ".in") path.replace_extension();
      if (!entry.is_regular_file() || (path.extension() != ".h" && path.extension() != ".cc")) continue;
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      tree.Add(path.lexically_relative(root).generic_string(), text);
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
