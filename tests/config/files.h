#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace userclient {

/// A file of the source tree.
std::filesystem::path SourceFile(std::string_view relative);

/// The text of a file; fails the test and returns "" if it cannot be read.
std::string ReadText(const std::filesystem::path& file);

/// Every config that is shipped in service_config/.
std::vector<std::filesystem::path> ShippedConfigs();

}  // namespace userclient
