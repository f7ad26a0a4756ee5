#include "tests/profile/profile_service_process.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "absl/strings/numbers.h"

namespace profile_service::testing {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> Arguments(const std::string& target, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {PROFILE_SERVICE_PROGRAM, "--listen", "127.0.0.1:0", "--target", target};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

httplib::Client ClientOf(const ProfileServiceProcess& service, int port) {
  httplib::Client client(service.host(), port);
  client.set_read_timeout(30s);
  return client;
}

int PortOf(const std::string& line) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(line.substr(line.rfind(':') + 1), &port)) << line;
  return port;
}

httplib::Response Answer(httplib::Result result) {
  if (result) return *std::move(result);
  ADD_FAILURE() << "there is no answer: " << httplib::to_string(result.error());
  return {};
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "profile_service_XXXXXX").string();
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchDirectory::Write(const std::string& name, std::string_view content) const {
  const std::filesystem::path file = path_ / name;
  std::ofstream(file, std::ios::binary) << content;
  return file.string();
}

std::string Config(const std::string& circuit_breaker, int seats) {
  const auto bulkhead = [&](const char* name, const std::vector<std::string>& methods) {
    Json json = {{"name", name}, {"maxConcurrentCalls", seats}};
    for (const std::string& method : methods) {
      json["methods"].push_back({{"service", "user.v1.UserService"}, {"method", method}});
    }
    if (!circuit_breaker.empty()) json["circuitBreaker"] = Json::parse(circuit_breaker);
    return json;
  };
  const Json config = {{"userclient",
                        {{"bulkheads",
                          {bulkhead("reads", {"GetUser", "ListUsers"}), bulkhead("writes", {"CreateUser"}),
                           bulkhead("streams", {"StreamActivity", "BatchCreateUsers", "WatchUsers", "LookupUsers"})}}}}};
  return config.dump();
}

ProfileServiceProcess::ProfileServiceProcess(const std::string& target, const std::vector<std::string>& flags)
    : program_(Arguments(target, flags)) {
  std::string line = program_.ReadLine();
  // Lines of the log may come before, between and after.
  for (; !line.starts_with("listening on 127.0.0.1:") && !line.empty(); line = program_.ReadLine()) {
    if (line.starts_with("operations on 127.0.0.1:")) operations_port_ = PortOf(line);
  }
  host_ = "127.0.0.1";
  port_ = PortOf(line);
}

httplib::Response ProfileServiceProcess::Get(const std::string& path, const httplib::Headers& headers) const {
  return Answer(ClientOf(*this, port_).Get(path, headers));
}

httplib::Response ProfileServiceProcess::GetOperations(const std::string& path) const {
  return Answer(ClientOf(*this, operations_port_).Get(path));
}

httplib::Response ProfileServiceProcess::Post(const std::string& path, const std::string& body,
                                              const httplib::Headers& headers) const {
  return Answer(ClientOf(*this, port_).Post(path, headers, body, "application/json"));
}

Json ProfileServiceProcess::Status() const { return Json::parse(Get("/status.json").body); }

httplib::Response ProfileServiceProcess::GetUntil(const std::string& path,
                                                  const std::function<bool(const httplib::Response&)>& enough) const {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (true) {
    httplib::Response response = Get(path);
    if (enough(response)) return response;
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "for half a minute, and at last: " << response.status << " " << response.body;
      return response;
    }
    std::this_thread::sleep_for(10ms);
  }
}

Json ProfileServiceProcess::NextRequestLogged() {
  while (true) {
    const std::string line = program_.ReadLine();
    if (line.empty()) return {};
    Json json = Json::parse(line);
    if (json["event"] == "request") return json;
  }
}

}  // namespace profile_service::testing
