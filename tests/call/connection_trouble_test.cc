// A call that finds no server says why: what gRPC's own words do not tell apart.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/server/user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ConnectionTroubleTest : public ::testing::Test {
 protected:
  ConnectionTroubleTest() {
    files_.Write("ca.pem", authority_.certificate());
    files_.Write("stranger.pem", CertificateAuthority("stranger").certificate());
  }

  void StartServer(const std::optional<CertificateRequest>& certificate, bool wants_client_certificate = false) {
    UserServerOptions options = {.seed_users = 1};
    if (certificate) {
      const IssuedCertificate issued = authority_.Issue(*certificate);
      options.tls = ServerTlsFiles{.certificate = files_.Write("server.pem", issued.certificate),
                                   .key = files_.Write("server.key", issued.private_key)};
      if (wants_client_certificate) options.tls->client_ca = files_ / "ca.pem";
    }
    absl::StatusOr<std::unique_ptr<UserServer>> server = UserServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  /// Calls until the status says something like this.
  void ExpectReason(const std::string& target, const Credentials& credentials, const std::string& reason) {
    const absl::StatusOr<UserClient> client =
        UserClient::Create({.target = target, .credentials = credentials, .service_config_json = NoRetryConfig()});
    ASSERT_TRUE(client.ok()) << client.status();
    absl::Status status;
    const bool told = Eventually([&] {
      status = client->GetUser(AskFor("u-1")).status();
      EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
      return std::string(status.message()).find(reason) != std::string::npos;
    });
    EXPECT_TRUE(told) << status;
  }

  Credentials Trusting(const std::string& authority) const { return Credentials::Tls({.root_certificates = files_ / authority}); }

  TemporaryDirectory files_;
  const CertificateAuthority authority_{"authority"};
  std::unique_ptr<UserServer> server_;
};

const CertificateRequest kSound = {.names = {"localhost"}, .addresses = {"127.0.0.1"}};

TEST_F(ConnectionTroubleTest, WrongAuthority) {
  StartServer(kSound);
  ExpectReason(server_->address(), Trusting("stranger.pem"), "root_certificates");
}

TEST_F(ConnectionTroubleTest, ExpiredCertificate) {
  StartServer(kSound);
  // A server refuses to start with a certificate that has expired; it may well expire while the server runs.
  server_.reset();
  StartServer(CertificateRequest{.addresses = {"127.0.0.1"}, .valid_from = -10s, .valid_until = 6s});
  std::string reason = "expired";
  ASSERT_TRUE(Eventually([&] {
    const absl::StatusOr<UserClient> client = UserClient::Create(
        {.target = server_->address(), .credentials = Trusting("ca.pem"), .service_config_json = NoRetryConfig()});
    return !client->GetUser(AskFor("u-1")).ok();
  }));
  ExpectReason(server_->address(), Trusting("ca.pem"), reason);
}

TEST_F(ConnectionTroubleTest, CertificateForAnotherName) {
  StartServer(CertificateRequest{.names = {"elsewhere.example.com"}});
  ExpectReason(server_->address(), Trusting("ca.pem"), "elsewhere.example.com");
}

TEST_F(ConnectionTroubleTest, MissingClientCertificate) {
  StartServer(kSound, /*wants_client_certificate=*/true);
  ExpectReason(server_->address(), Trusting("ca.pem"), "wants a certificate of ours");
}

TEST_F(ConnectionTroubleTest, PlainTextToATlsServer) {
  StartServer(kSound);
  ExpectReason(server_->address(), Credentials::Insecure(), "TLS");
}

TEST_F(ConnectionTroubleTest, TlsToAPlainTextServer) {
  StartServer(std::nullopt);
  ExpectReason(server_->address(), Trusting("ca.pem"), "TLS");
}

TEST_F(ConnectionTroubleTest, NobodyListens) { ExpectReason("127.0.0.1:1", Credentials::Insecure(), "listen"); }

TEST_F(ConnectionTroubleTest, ACallThatFindsAServerIsLeftAlone) {
  StartServer(std::nullopt);
  const UserClient client = ConnectTo(server_->address());

  EXPECT_EQ(client.GetUser(AskFor("nobody")).status().code(), StatusCode::kNotFound);
}

// It breaks off the look that is under way.
TEST_F(ConnectionTroubleTest, TheClientMayGoMeanwhile) {
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(ConnectTo("127.0.0.1:1", NoRetryConfig()).GetUser(AskFor("u-1")).ok());
}

}  // namespace
}  // namespace userclient::testing
