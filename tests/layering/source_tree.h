#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace userclient::layering {

/// One `#include`, as written.
struct Include {
  std::string header{};
  int line = 0;
};

/// The files of the project and what each includes. Paths are relative to the project's root, with '/'.
class SourceTree {
 public:
  /// Reads every .h and .cc below these folders of `root`. A folder that does not exist is empty.
  static SourceTree Read(const std::filesystem::path& root, const std::vector<std::string_view>& folders);

  void Add(std::string path, std::string_view text);

  bool Contains(const std::string& path) const { return files_.contains(path); }
  const std::map<std::string, std::vector<Include>>& files() const { return files_; }

 private:
  std::map<std::string, std::vector<Include>> files_;
};

/// "src/policy" of "src/policy/verdict.h"; "" of a file in the root.
std::string FolderOf(std::string_view path);

}  // namespace userclient::layering
