// Everything that can be wrong with ClientOptions is said when the client is made, by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/test_client.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

ClientOptions Sound() {
  return {.target = "127.0.0.1:50051", .credentials = Credentials::Insecure(), .service_config_json = RetryConfig()};
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(ClientCreateTest, TakesSoundOptionsAndDoesNotWaitForTheServer) { EXPECT_TRUE(UserClient::Create(Sound()).ok()); }

TEST(ClientCreateTest, TakesTheBuiltInConfig) {
  ClientOptions options = Sound();
  options.service_config_json.reset();

  const auto client = UserClient::Create(options);

  EXPECT_TRUE(client.ok()) << client.status();
}

struct Target {
  std::string target;
  std::string problem;
};

class UnusableTargetTest : public ::testing::TestWithParam<Target> {};

TEST_P(UnusableTargetTest, IsRefusedWithAdvice) {
  ClientOptions options = Sound();
  options.target = GetParam().target;

  const auto client = UserClient::Create(options);

  EXPECT_EQ(client.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(client.status()), HasSubstr("target"));
  EXPECT_THAT(Message(client.status()), HasSubstr(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Targets, UnusableTargetTest,
    ::testing::Values(Target{"", "is empty"}, Target{"dns:///users.example.com", "write dns:///users.example.com:50051"},
                      Target{"users.example.com", "write users.example.com:50051"}, Target{"localhost:", "is no port"},
                      Target{"localhost:http", "\"http\" is no port"}, Target{"localhost:0", "is no port"},
                      Target{"localhost:65536", "is no port"}, Target{":50051", "names no host"},
                      Target{"dns:///:50051", "names no host"}, Target{"http://localhost:50051", "no scheme \"http\""},
                      Target{"::1:50051", "brackets"}, Target{"[::1:50051", "never closed"}, Target{"[::1]", "names no port"},
                      Target{"local host:50051", "spaces"}, Target{"dns://127.0.0.1:53", "no host"},
                      Target{"ipv4:", "no address"}, Target{"ipv4:not-an-address:1", "cannot make"},
                      Target{"dns:users", "write dns:users:50051"}));

class UsableTargetTest : public ::testing::TestWithParam<const char*> {};

TEST_P(UsableTargetTest, IsTaken) {
  ClientOptions options = Sound();
  options.target = GetParam();

  const auto client = UserClient::Create(options);

  EXPECT_TRUE(client.ok()) << client.status();
}

INSTANTIATE_TEST_SUITE_P(Targets, UsableTargetTest,
                         ::testing::Values("localhost:50051", "dns:///users.example.com:50051", "dns:users.example.com:50051",
                                           "dns://127.0.0.1:5353/users.example.com:50051", "ipv4:10.0.0.7:50051,10.0.0.8:50051",
                                           "ipv6:[::1]:50051", "[::1]:50051", "unix:/run/users.sock", "unix:///run/users.sock",
                                           "unix-abstract:users"));

TEST(ClientCreateTest, WantsCredentialsSpelledOut) {
  ClientOptions options = Sound();
  options.credentials.reset();

  const auto client = UserClient::Create(options);

  EXPECT_EQ(client.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(client.status()), HasSubstr("Credentials::Insecure()"));
}

TEST(ClientCreateTest, WantsADefaultTimeout) {
  ClientOptions options = Sound();
  options.default_timeout = std::chrono::seconds(0);

  EXPECT_THAT(Message(UserClient::Create(options).status()), HasSubstr("default_timeout"));
}

TEST(ClientCreateTest, TakesOneConfig) {
  ClientOptions options = Sound();
  options.service_config_file = "service.json";

  EXPECT_THAT(Message(UserClient::Create(options).status()), HasSubstr("give one of the two"));
}

TEST(ClientCreateTest, NamesAConfigFileThatIsNotThere) {
  ClientOptions options = Sound();
  options.service_config_json.reset();
  options.service_config_file = "/nowhere/service.json";

  const auto client = UserClient::Create(options);

  EXPECT_EQ(client.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Message(client.status()), HasSubstr("/nowhere/service.json"));
}

struct Config {
  std::string json;
  std::string problem;
};

class UnusableConfigTest : public ::testing::TestWithParam<Config> {};

TEST_P(UnusableConfigTest, IsRefusedWithThePlace) {
  ClientOptions options = Sound();
  options.service_config_json = GetParam().json;

  const auto client = UserClient::Create(options);

  EXPECT_EQ(client.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(client.status()), HasSubstr(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Configs, UnusableConfigTest,
    ::testing::Values(
        Config{"", "line 1, column 1"}, Config{"{", "line 1"}, Config{R"({"retryPolcy": {}})", "retryPolcy"},
        Config{R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUsr"}], "timeout": "1s"}]})",
               "GetUsr"},
        Config{R"({"methodConfig": [{"name": [{"service": "user.v1.UserServce"}], "timeout": "1s"}]})", "user.v1.UserService"},
        Config{R"({"loadBalancingConfig": [{"no_such_policy": {}}]})", "gRPC"}));

TEST(ClientCreateTest, NamesACertificateFileThatIsNotThere) {
  ClientOptions options = Sound();
  options.credentials = Credentials::Tls({.root_certificates = "/nowhere/ca.pem"});

  const auto client = UserClient::Create(options);

  EXPECT_EQ(client.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Message(client.status()), HasSubstr("credentials.root_certificates"));
  EXPECT_THAT(Message(client.status()), HasSubstr("/nowhere/ca.pem"));
}

TEST(ClientCreateTest, NamesACertificateFileThatHoldsNoCertificate) {
  const auto file = std::filesystem::temp_directory_path() / ("userclient-no-certificate-" + std::to_string(::getpid()));
  std::ofstream(file) << "hello\n";
  ClientOptions options = Sound();
  options.credentials = Credentials::Tls({.root_certificates = file});

  const auto client = UserClient::Create(options);
  std::filesystem::remove(file);

  EXPECT_EQ(client.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(client.status()), HasSubstr("no CERTIFICATE"));
}

TEST(ClientCreateTest, NamesAMissingPrivateKey) {
  ClientOptions options = Sound();
  options.credentials = Credentials::MutualTls({.certificate_chain = "/nowhere/client.pem"});

  EXPECT_THAT(Message(UserClient::Create(options).status()), HasSubstr("credentials.certificate_chain"));
}

TEST(ClientCreateTest, NamesATokenFileThatIsADirectory) {
  ClientOptions options = Sound();
  options.credentials = Credentials::Tls({.token_file = "/"});

  EXPECT_THAT(Message(UserClient::Create(options).status()), HasSubstr("credentials.token_file"));
}

TEST(ClientTest, SaysSoWhenNobodyListens) {
  ClientOptions options = Sound();
  options.target = "127.0.0.1:1";
  options.service_config_json = NoRetryConfig();

  const auto user = UserClient::Create(options)->GetUser(AskFor("u-1"));

  EXPECT_EQ(user.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(Message(user.status()), HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(RejectionOf(user.status()), std::nullopt);
}

TEST(ClientTest, LivesAsLongAsItsLastCopy) {
  std::optional<UserClient> first = ConnectTo("127.0.0.1:1", NoRetryConfig());
  const UserClient copy = *first;
  first.reset();

  EXPECT_EQ(copy.GetUser(AskFor("u-1")).status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace userclient::testing
