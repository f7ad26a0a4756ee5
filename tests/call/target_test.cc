// Every kind of target that gRPC knows.

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/test_client.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using user::v1::UserService;
using namespace std::chrono_literals;

/// Answers with what it was asked for.
class Echo final : public UserService::Service {
  grpc::Status GetUser(grpc::ServerContext*, const user::v1::GetUserRequest* request,
                       user::v1::GetUserResponse* response) override {
    response->set_user_id(request->user_id());
    return grpc::Status::OK;
  }
};

/// Both faces.
void ExpectAnswers(const UserClient& client) {
  const auto blocking = client.GetUser(AskFor("u-7"));
  ASSERT_TRUE(blocking.ok()) << blocking.status();
  EXPECT_EQ(blocking->user_id(), "u-7");
  const auto pending = client.GetUserAsync(AskFor("u-8")).Get();
  ASSERT_TRUE(pending.ok()) << pending.status();
  EXPECT_EQ(pending->user_id(), "u-8");
}

TEST(TargetTest, UnixSocket) {
  const TemporaryDirectory directory;
  const std::string target = absl::StrCat("unix:", (directory / "users.sock").string());
  Echo service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(target, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);

  ExpectAnswers(ConnectTo(target));
}

TEST(TargetTest, ListOfAddresses) {
  absl::StatusOr<FlakyUserServer> first = FlakyUserServer::Start({.seed_users = 9});
  absl::StatusOr<FlakyUserServer> second = FlakyUserServer::Start({.seed_users = 9});
  ASSERT_TRUE(first.ok() && second.ok());

  const UserClient client = ConnectTo(absl::StrCat("ipv4:", first->address(), ",", second->address()));
  ASSERT_TRUE(client.WaitReady(30s));
  while (first->attempts("GetUser") == 0 || second->attempts("GetUser") == 0) ExpectAnswers(client);

  EXPECT_GT(second->attempts("GetUser"), 0);
}

/// Says who it was taken for.
class Authority final : public UserService::Service {
  grpc::Status GetUser(grpc::ServerContext* context, const user::v1::GetUserRequest* /*request*/,
                       user::v1::GetUserResponse* response) override {
    response->set_user_id(context->ExperimentalGetAuthority().data(), context->ExperimentalGetAuthority().size());
    return grpc::Status::OK;
  }
};

// gRPC by itself would send the whole list as the authority, and servers refuse so much of it.
TEST(TargetTest, ALongListOfAddressesIsAskedForByTheFirst) {
  Authority service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const std::string address = absl::StrCat("127.0.0.1:", port);
  std::string target = absl::StrCat("ipv4:", address);
  for (int i = 1; i < 1000; ++i) absl::StrAppend(&target, ",", address);

  const auto answer = ConnectTo(target).GetUser(AskFor("u-1"));

  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->user_id(), address);
}

TEST(TargetTest, AListOfAddressesIsNoPeer) {
  CallReport report;

  const auto answer = ConnectTo("ipv4:127.0.0.1:1,127.0.0.2:1").GetUser(AskFor("u-1"), {.report = &report});

  EXPECT_EQ(answer.status().code(), StatusCode::kUnavailable);
  ASSERT_FALSE(report.attempts.empty());
  EXPECT_EQ(report.attempts.front().peer, "");
}

TEST(TargetTest, AListOfAddressesHasNoNameForCertificates) {
  const std::string target = "ipv4:127.0.0.1:1,127.0.0.1:2";

  const absl::StatusOr<UserClient> nameless = UserClient::Create({.target = target, .credentials = Credentials::Tls({})});
  const absl::StatusOr<UserClient> named =
      UserClient::Create({.target = target, .credentials = Credentials::Tls({.server_name = "users.example.com"})});

  EXPECT_EQ(nameless.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(nameless.status().message()), HasSubstr("credentials.server_name"));
  EXPECT_TRUE(named.ok()) << named.status();
}

// Without a control plane there is nobody to ask; the error says what is missing.
TEST(TargetTest, XdsWithoutABootstrapSaysWhatItNeeds) {
  const UserClient client = ConnectTo("xds:///users", NoRetryConfig());

  const absl::Status status = client.GetUser(AskFor("u-1"), {.timeout = 10s}).status();

  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("GRPC_XDS_BOOTSTRAP"));
}

// gRPC would end the process at the first call.
class XdsBootstrapTest : public ::testing::Test {
 protected:
  ~XdsBootstrapTest() override {
    unsetenv("GRPC_XDS_BOOTSTRAP");
    unsetenv("GRPC_XDS_BOOTSTRAP_CONFIG");
  }

  static absl::Status Create() {
    return UserClient::Create({.target = "xds:///users", .credentials = Credentials::Insecure()}).status();
  }
};

TEST_F(XdsBootstrapTest, AFileThatIsNotThereIsRefused) {
  setenv("GRPC_XDS_BOOTSTRAP", "/no/such/file", 1);

  EXPECT_EQ(Create(), absl::NotFoundError("GRPC_XDS_BOOTSTRAP: cannot read /no/such/file: No such file or directory"));
}

TEST_F(XdsBootstrapTest, ADirectoryIsRefused) {
  setenv("GRPC_XDS_BOOTSTRAP", "/tmp", 1);

  EXPECT_THAT(std::string(Create().message()), HasSubstr("GRPC_XDS_BOOTSTRAP: cannot read /tmp"));
}

TEST_F(XdsBootstrapTest, OneWithoutServersIsRefused) {
  setenv("GRPC_XDS_BOOTSTRAP_CONFIG", R"({"xds_servers": []})", 1);

  EXPECT_EQ(Create(), absl::InvalidArgumentError("GRPC_XDS_BOOTSTRAP_CONFIG: xds_servers: must not be empty"));
}

TEST_F(XdsBootstrapTest, WhatElseIsWrongWithItIsForGrpcToSay) {
  for (const char* const text : {"", "{", "[]", "{}", R"({"xds_servers": 1})"}) {
    setenv("GRPC_XDS_BOOTSTRAP_CONFIG", text, 1);
    EXPECT_EQ(Create(), absl::OkStatus()) << text;
  }
}

class ChannelFactoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }

  absl::StatusOr<UserClient> Create(ClientOptions options) {
    options.channel_factory = [this](const grpc::ChannelArguments& arguments) {
      ++channels_;
      return server_->InProcessChannel(arguments);
    };
    return UserClient::Create(options);
  }

  Echo service_;
  std::unique_ptr<grpc::Server> server_;
  int channels_ = 0;
};

TEST_F(ChannelFactoryTest, InProcessTransport) {
  const absl::StatusOr<UserClient> client = Create({.service_config_json = RetryConfig()});

  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(client->WaitReady(30s));
  ExpectAnswers(*client);
  EXPECT_GT(channels_, 0);
}

TEST_F(ChannelFactoryTest, AnswersWithTheServersStatus) {
  const absl::StatusOr<UserClient> client = Create({});
  ASSERT_TRUE(client.ok()) << client.status();

  EXPECT_EQ(client->CreateUser({}).status().code(), StatusCode::kUnimplemented);
}

TEST_F(ChannelFactoryTest, TakesThePlaceOfTargetAndCredentials) {
  EXPECT_EQ(Create({.target = "127.0.0.1:1"}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Create({.credentials = Credentials::Insecure()}).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(ChannelFactoryTest, NewConfigsComeWithNewChannels) {
  const absl::StatusOr<UserClient> client = Create({.service_config_json = NoRetryConfig()});
  ASSERT_TRUE(client.ok()) << client.status();
  const absl::StatusOr<ServiceConfig> config =
      ServiceConfig::Parse(R"({"loadBalancingConfig": [{"pick_first": {}}], "methodConfig": [{"name": [{}], "timeout": "9s"}]})");
  ASSERT_TRUE(config.ok()) << config.status();
  ExpectAnswers(*client);

  ASSERT_EQ(client->SetConfig(*config), absl::OkStatus());

  ExpectAnswers(*client);
}

}  // namespace
}  // namespace userclient::testing
