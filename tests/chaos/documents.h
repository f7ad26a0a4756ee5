#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/chaos/report.h"

namespace userclient::chaos {

/// Empty if it cannot be read.
std::string ReadFile(const std::filesystem::path& file);

/// result.md and result.json, in a directory that is made if need be. *Errors:* the file that could not be written.
absl::Status WriteResults(const std::filesystem::path& directory, const std::vector<Result>& results);

/// The results in chaos.md, between their marks, and all of chaos.json. *Errors:* no marks, or the file that could not be
/// written.
absl::Status WriteDocuments(const std::filesystem::path& directory, const std::vector<Result>& results);

}  // namespace userclient::chaos
