#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace userclient::internal {

/// Files that belong together, and whose content matters: not their time, nor whether they were written anew, replaced, or are
/// links that point elsewhere now (as Kubernetes changes its volumes). *Not thread-safe.*
class WatchedFiles {
 public:
  /// Reads them for the first time.
  explicit WatchedFiles(std::vector<std::filesystem::path> files)
      : files_(std::move(files)), content_(Read()), taken_(content_) {}

  bool empty() const { return files_.empty(); }
  const std::vector<std::filesystem::path>& files() const { return files_; }

  /// Reads them again: whether they hold something else than the last time. A file that cannot be read holds nothing.
  bool Changed();

  /// What they hold has been put to use. It was, when they were read for the first time.
  void NoteTaken() { taken_ = content_; }
  /// They hold what is in use: again, after something that was of none, or could not be read.
  bool HoldWhatWasTaken() const { return content_ == taken_; }

 private:
  /// A fingerprint of all of them.
  std::string Read() const;

  std::vector<std::filesystem::path> files_;
  std::string content_;
  std::string taken_;
};

}  // namespace userclient::internal
