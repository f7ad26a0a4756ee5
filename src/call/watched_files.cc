#include "call/watched_files.h"

#include "tls/fingerprint.h"
#include "tls/read_file.h"

namespace userclient::internal {

bool WatchedFiles::Changed() { return std::exchange(content_, Read()) != content_; }

std::string WatchedFiles::Read() const {
  std::vector<std::string> contents;
  contents.reserve(files_.size());
  for (const std::filesystem::path& file : files_) {
    absl::StatusOr<std::string> content = ReadFile(file);
    // A file that is empty is not one that cannot be read.
    contents.push_back(content.ok() ? "read " + *content : "unreadable");
  }
  return Fingerprint(contents);
}

}  // namespace userclient::internal
