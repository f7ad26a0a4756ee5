#include "transport/credentials.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>

#include <atomic>
#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "tests/support/grpc_version.h"
#include "tests/support/test_client.h"
#include "tls/read_file.h"
#include "transport/bearer_token_credentials.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;
using ::testing::AllOf;
using testing::CertificateAuthority;
using ::testing::HasSubstr;
using testing::IsError;
using ::testing::IsNull;
using testing::IsOk;
using testing::IssuedCertificate;
using ::testing::NotNull;
using ::testing::StartsWith;
using testing::TemporaryDirectory;

auto Now() { return std::chrono::system_clock::now(); }

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    directory_.Write("ca.pem", authority_.certificate());
    Install(authority_.Issue({.common_name = "client"}));
  }

  void Install(const IssuedCertificate& issued) const {
    directory_.Replace("client.pem", issued.certificate);
    directory_.Replace("client.key", issued.private_key);
  }

  Credentials Mutual() const {
    return Credentials::MutualTls({.root_certificates = directory_ / "ca.pem",
                                   .certificate_chain = directory_ / "client.pem",
                                   .private_key = directory_ / "client.key"});
  }

  const CertificateAuthority authority_{"authority"};
  TemporaryDirectory directory_;
};

TEST_F(CredentialsTest, PlainTextHasNothingButItself) {
  const TransportCredentials made = MakeTransportCredentials(Credentials::Insecure()).value();

  EXPECT_THAT(made.channel, NotNull());
  EXPECT_THAT(made.tokens, IsNull());
  EXPECT_FALSE(CredentialRotation(Credentials::Insecure(), made).Needed());
}

TEST_F(CredentialsTest, EachFileThatCannotBeUsedIsNamedByItsOption) {
  const auto make = [this](MutualTlsOptions options) {
    if (options.certificate_chain.empty()) options.certificate_chain = directory_ / "client.pem";
    if (options.private_key.empty()) options.private_key = directory_ / "client.key";
    return MakeTransportCredentials(Credentials::MutualTls(std::move(options)));
  };
  const std::filesystem::path text = directory_.Write("text", "hello");

  EXPECT_THAT(make({.root_certificates = text}),
              IsError(StatusCode::kInvalidArgument,
                      "credentials.root_certificates: " + text.string() + ": holds no CERTIFICATE in PEM form"));
  EXPECT_THAT(make({.certificate_chain = "/no/such"}),
              IsError(StatusCode::kNotFound, StartsWith("credentials.certificate_chain: cannot read /no/such: ")));
  EXPECT_THAT(make({.private_key = text}), IsError(StatusCode::kInvalidArgument, StartsWith("credentials.private_key: ")));
  EXPECT_THAT(make({.server_name = "users:50051"}),
              IsError(StatusCode::kInvalidArgument, StartsWith("credentials.server_name: \"users:50051\" is no name")));
  EXPECT_THAT(make({.token_file = directory_ / "missing"}),
              IsError(StatusCode::kNotFound, StartsWith("credentials.token_file: cannot read ")));
  EXPECT_THAT(make({.token_file = text, .token_source = [] { return BearerToken{.text = "x"}; }}),
              IsError(StatusCode::kInvalidArgument, "credentials.token_file and credentials.token_source: give one of the two"));
}

TEST_F(CredentialsTest, ACertificateOfOurOwnThatHasExpiredIsAnErrorWithItsDate) {
  Install(authority_.Issue({.common_name = "client", .valid_from = -48h, .valid_until = -24h}));

  EXPECT_THAT(MakeTransportCredentials(Mutual()),
              IsError(StatusCode::kFailedPrecondition,
                      AllOf(StartsWith("credentials.certificate_chain: "), HasSubstr("(client) expired on 2"))));
}

TEST_F(CredentialsTest, FilesCanBeCheckedWithoutAskingForATokenAgain) {
  std::atomic<int> asked = 0;
  const auto credentials = Credentials::Tls({.root_certificates = directory_ / "ca.pem", .token_source = [&asked] {
                                               ++asked;
                                               return BearerToken{.text = "s3cret"};
                                             }});

  EXPECT_THAT(CheckCredentials(credentials), IsOk());
  directory_.Replace("ca.pem", "");
  EXPECT_THAT(CheckCredentials(credentials),
              IsError(StatusCode::kInvalidArgument, StartsWith("credentials.root_certificates: ")));
  EXPECT_THAT(CheckCredentials(Credentials::Insecure()), IsOk());
  EXPECT_EQ(asked, 0);
}

TEST_F(CredentialsTest, GivesTheNameToVerify) {
  const auto credentials = Credentials::Tls({.root_certificates = directory_ / "ca.pem", .server_name = "users.example.com"});

  EXPECT_EQ(MakeTransportCredentials(credentials).value().authority, "users.example.com");
}

TEST_F(CredentialsTest, ATokenFileIsReadAtOnce) {
  const auto credentials = Credentials::Tls({.token_file = directory_.Write("token", "s3cret\n")});

  const TransportCredentials made = MakeTransportCredentials(credentials).value();

  EXPECT_TRUE(made.tokens->HasToken());
  EXPECT_EQ(made.tokens->Get().value(), "s3cret");
}

// Why Credentials::Insecure() has no place for a token.
TEST_F(CredentialsTest, GrpcSendsNoTokenInPlainText) {
  auto tokens = std::make_shared<TokenCache>(TokenCache::Options{.name = "tokens"});
  tokens->Put({.text = "s3cret"});
  absl::StatusOr<testing::FlakyUserServer> server = testing::FlakyUserServer::Start({.seed_users = 1});
  ASSERT_THAT(server, IsOk());

  const auto plain = grpc::CompositeChannelCredentials(grpc::InsecureChannelCredentials(), MakeBearerTokenCredentials(tokens));

  // 1.51 makes none; 1.83 makes some, with which every call fails here.
  EXPECT_EQ(plain == nullptr, testing::kOldestGrpc);
  if (plain == nullptr) return;
  const auto stub = user::v1::UserService::NewStub(grpc::CreateChannel(server->address(), plain));
  grpc::ClientContext context;
  user::v1::GetUserResponse user;
  EXPECT_EQ(stub->GetUser(&context, testing::AskFor("u-1"), &user).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(server->ReceivedAttempts("GetUser"), ::testing::IsEmpty());
}

class CredentialRotationTest : public CredentialsTest {
 protected:
  CredentialRotation rotation_{Mutual(), MakeTransportCredentials(Mutual()).value()};
};

TEST_F(CredentialRotationTest, FilesThatStayAsTheyAreAreNothingNew) {
  EXPECT_TRUE(rotation_.Needed());
  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());

  Install(
      {.certificate = ReadFile(directory_ / "client.pem").value(), .private_key = ReadFile(directory_ / "client.key").value()});
  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull()) << "written again with the same content";
}

TEST_F(CredentialRotationTest, NewContentIsNewCredentialsOnce) {
  Install(authority_.Issue({.common_name = "client"}));

  EXPECT_THAT(rotation_.Look(Now()).value(), NotNull());
  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());
}

TEST_F(CredentialRotationTest, OtherAuthoritiesAreNewCredentialsToo) {
  directory_.Replace("ca.pem", authority_.certificate() + CertificateAuthority("another").certificate());

  EXPECT_THAT(rotation_.Look(Now()).value(), NotNull());
}

TEST_F(CredentialRotationTest, BetweenACertificateAndItsKeyItWaitsQuietly) {
  const IssuedCertificate next = authority_.Issue({.common_name = "client"});

  directory_.Replace("client.pem", next.certificate);
  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());
  directory_.Replace("client.key", next.private_key);

  EXPECT_THAT(rotation_.Look(Now()).value(), NotNull());
}

TEST_F(CredentialRotationTest, APairThatStaysUnfitIsReportedOnce) {
  directory_.Replace("client.pem", authority_.Issue({.common_name = "client"}).certificate);

  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());
  EXPECT_THAT(rotation_.Look(Now()), IsError(StatusCode::kInvalidArgument, StartsWith("credentials.private_key: ")));
  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());
}

TEST_F(CredentialRotationTest, ExpiredOrMissingOnesAreRefused) {
  Install(authority_.Issue({.common_name = "client", .valid_from = -48h, .valid_until = -24h}));
  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());
  EXPECT_THAT(rotation_.Look(Now()), IsError(StatusCode::kFailedPrecondition, HasSubstr("expired on")));

  std::filesystem::remove(directory_ / "client.key");
  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());
  EXPECT_THAT(rotation_.Look(Now()), IsError(StatusCode::kNotFound, StartsWith("credentials.private_key: cannot read")));
}

TEST_F(CredentialRotationTest, WhatComesBackAfterTroubleIsNothingNew) {
  const std::string before = ReadFile(directory_ / "client.pem").value();
  directory_.Replace("client.pem", "");
  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());

  directory_.Replace("client.pem", before);

  EXPECT_THAT(rotation_.Look(Now()).value(), IsNull());
  EXPECT_THAT(rotation_.Look(Now()), IsOk());
}

}  // namespace
}  // namespace userclient::internal
