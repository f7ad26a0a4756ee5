#include "tests/e2e/patient_config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace userclient::testing {

std::string PatientConfig(const std::string& file) {
  std::ifstream stream(file);
  auto config = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  EXPECT_TRUE(config.is_object()) << file;
  for (nlohmann::json& method : config["methodConfig"]) {
    if (std::stod(method["timeout"].get<std::string>()) < 20) method["timeout"] = "20s";
    if (method.contains("retryPolicy")) method["retryPolicy"].erase("perAttemptRecvTimeout");
  }
  return config.dump();
}

}  // namespace userclient::testing
