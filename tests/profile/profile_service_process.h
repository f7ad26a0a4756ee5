#pragma once

#include <httplib.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/program.h"

namespace profile_service::testing {

using Json = nlohmann::json;

/// A directory of the test's own, gone with it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  /// The file that now holds this.
  std::string Write(const std::string& name, std::string_view content) const;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// A service config without retries: every compartment takes this breaker and these seats.
std::string Config(const std::string& circuit_breaker = "", int seats = 100);

/// profile_service on a free port; killed with the test.
class ProfileServiceProcess {
 public:
  explicit ProfileServiceProcess(const std::string& target, const std::vector<std::string>& flags = {});
  /// What `--operations-listen 127.0.0.1:0` serves.
  httplib::Response GetOperations(const std::string& path) const;

  const std::string& host() const { return host_; }
  int port() const { return port_; }
  std::string url() const { return "http://" + host_ + ":" + std::to_string(port_) + "/"; }

  /// The answer; the test fails if there is none.
  httplib::Response Get(const std::string& path, const httplib::Headers& headers = {}) const;
  httplib::Response Post(const std::string& path, const std::string& body, const httplib::Headers& headers = {}) const;
  Json Status() const;

  /// Asks until `enough`, for at most half a minute; the last answer.
  httplib::Response GetUntil(const std::string& path, const std::function<bool(const httplib::Response&)>& enough) const;

  /// The next line of its log that is about a request.
  Json NextRequestLogged();

  userclient::testing::Program& program() { return program_; }

 private:
  userclient::testing::Program program_;
  std::string host_;
  int port_ = 0;
  int operations_port_ = 0;
};

}  // namespace profile_service::testing
