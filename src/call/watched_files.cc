#include "call/watched_files.h"

#include <fstream>
#include <functional>
#include <iterator>
#include <string>

namespace userclient::internal {

bool WatchedFiles::Changed() { return std::exchange(content_, Read()) != content_; }

uint64_t WatchedFiles::Read() const {
  std::string all;
  for (const std::filesystem::path& file : files_) {
    std::ifstream stream(file, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    // With its length, so that nothing can move from one file to the next unnoticed.
    all += (stream ? std::to_string(content.size()) : "unreadable") + ":" + content;
  }
  return std::hash<std::string>()(all);
}

}  // namespace userclient::internal
