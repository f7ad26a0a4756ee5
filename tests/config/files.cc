#include "tests/config/files.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace userclient {

std::filesystem::path SourceFile(std::string_view relative) { return std::filesystem::path(USERCLIENT_SOURCE_DIR) / relative; }

std::string ReadText(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream.is_open()) << file;
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::vector<std::filesystem::path> ShippedConfigs() {
  std::vector<std::filesystem::path> configs;
  for (const auto& entry : std::filesystem::directory_iterator(SourceFile("service_config"))) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".json") && !name.ends_with(".schema.json")) configs.push_back(entry.path());
  }
  std::sort(configs.begin(), configs.end());
  return configs;
}

}  // namespace userclient
