// Credentials over real TLS handshakes, with certificates made for the test.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "tests/support/test_client.h"
#include "userclient/server/user_server.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    files_.Write("ca.pem", authority_.certificate());
    files_.Write("stranger.pem", CertificateAuthority("stranger").certificate());
    Write("server", authority_.Issue({.names = {"localhost"}, .addresses = {"127.0.0.1"}}));
    Write("client", authority_.Issue({.common_name = "client"}));
    files_.Write("token", "s3cret\n");
    files_.Write("wrong-token", "guess\n");
  }

  void Write(const std::string& name, const IssuedCertificate& issued) const {
    files_.Replace(name + ".pem", issued.certificate);
    files_.Replace(name + ".key", issued.private_key);
  }

  void StartServer(bool wants_client_certificate, bool wants_token) {
    ServerTlsFiles tls = {.certificate = File("server.pem"), .key = File("server.key")};
    if (wants_client_certificate) tls.client_ca = File("ca.pem");
    FlakyUserServerOptions options = {.seed_users = 1, .tls = tls};
    if (wants_token) options.token_file = File("token");
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  fs::path File(const std::string& name) const { return files_ / name; }

  absl::Status GetUser(const Credentials& credentials) {
    const auto client = UserClient::Create(
        {.target = server_->address(), .credentials = credentials, .service_config_json = NoRetryConfig("10s")});
    if (!client.ok()) return client.status();
    return client->GetUser(AskFor("u-1")).status();
  }

  const CertificateAuthority authority_{"ca"};
  TemporaryDirectory files_;
  std::optional<FlakyUserServer> server_;
};

TEST_F(TlsTest, TrustsAServerThatItsAuthoritySigned) {
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/false);

  EXPECT_EQ(GetUser(Credentials::Tls({.root_certificates = File("ca.pem")})), absl::OkStatus());
}

TEST_F(TlsTest, TrustsNobodyElse) {
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/false);

  EXPECT_EQ(GetUser(Credentials::Tls({.root_certificates = File("stranger.pem")})).code(), StatusCode::kUnavailable);
  EXPECT_EQ(GetUser(Credentials::Tls()).code(), StatusCode::kUnavailable) << "the system knows nothing of this authority";
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(TlsTest, TrustsNoCertificateForAnotherName) {
  Write("server", authority_.Issue({.names = {"elsewhere.example.com"}}));
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/false);

  const absl::Status status = GetUser(Credentials::Tls({.root_certificates = File("ca.pem")}));

  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Peer name 127.0.0.1 is not in peer certificate"));
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(TlsTest, AnAddressIsInNoCertificateThatHoldsNamesOnly) {
  Write("server", authority_.Issue({.common_name = "127.0.0.1", .names = {"localhost"}}));
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/false);

  EXPECT_EQ(GetUser(Credentials::Tls({.root_certificates = File("ca.pem")})).code(), StatusCode::kUnavailable);
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(TlsTest, AsksForTheNameThatItIsGivenInsteadOfTheTargets) {
  Write("server", authority_.Issue({.names = {"users.example.com"}}));
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/false);
  const auto named = [this](const char* name) {
    return Credentials::Tls({.root_certificates = File("ca.pem"), .server_name = name});
  };

  EXPECT_EQ(GetUser(named("users.example.com")), absl::OkStatus());
  EXPECT_EQ(GetUser(named("orders.example.com")).code(), StatusCode::kUnavailable);
  EXPECT_EQ(GetUser(named("127.0.0.1")).code(), StatusCode::kUnavailable);
}

TEST_F(TlsTest, TrustsNoCertificateThatHasExpired) {
  Write("server", authority_.Issue({.addresses = {"127.0.0.1"}, .valid_until = 5s}));
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/false);
  const auto limit = std::chrono::steady_clock::now() + 30s;

  absl::Status status;
  do status = GetUser(Credentials::Tls({.root_certificates = File("ca.pem")}));
  while (status.ok() && std::chrono::steady_clock::now() < limit);

  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
}

TEST_F(TlsTest, SpeaksNoPlainTextToATlsServer) {
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/false);

  EXPECT_EQ(GetUser(Credentials::Insecure()).code(), StatusCode::kUnavailable);
}

TEST_F(TlsTest, SpeaksNoTlsToAServerInPlainText) {
  server_.emplace(FlakyUserServer::Start({.seed_users = 1}).value());

  EXPECT_EQ(GetUser(Credentials::Tls({.root_certificates = File("ca.pem"), .token_file = File("token")})).code(),
            StatusCode::kUnavailable);
  EXPECT_EQ(server_->attempts("GetUser"), 0) << "so the token has not left";
}

TEST_F(TlsTest, ShowsItsOwnCertificate) {
  StartServer(/*wants_client_certificate=*/true, /*wants_token=*/false);

  EXPECT_EQ(
      GetUser(Credentials::MutualTls(
          {.root_certificates = File("ca.pem"), .certificate_chain = File("client.pem"), .private_key = File("client.key")})),
      absl::OkStatus());
  EXPECT_EQ(GetUser(Credentials::Tls({.root_certificates = File("ca.pem")})).code(), StatusCode::kUnavailable);
}

TEST_F(TlsTest, SendsItsToken) {
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/true);

  EXPECT_EQ(GetUser(Credentials::Tls({.root_certificates = File("ca.pem"), .token_file = File("token")})), absl::OkStatus());
  EXPECT_EQ(GetUser(Credentials::Tls({.root_certificates = File("ca.pem"), .token_file = File("wrong-token")})).code(),
            StatusCode::kUnauthenticated);
  EXPECT_EQ(GetUser(Credentials::Tls({.root_certificates = File("ca.pem")})).code(), StatusCode::kUnauthenticated);
}

TEST_F(TlsTest, ASourceWithoutATokenIsNamedInTheError) {
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/true);
  const auto from = [this](TokenSource source) {
    return Credentials::Tls({.root_certificates = File("ca.pem"), .token_source = std::move(source)});
  };

  const absl::Status sealed = GetUser(from([] { return absl::UnavailableError("the vault is sealed"); }));
  const absl::Status thrown = GetUser(from([]() -> absl::StatusOr<BearerToken> { throw std::runtime_error("boom"); }));

  EXPECT_EQ(sealed.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(sealed.message()), HasSubstr("credentials.token_source: no bearer token: the vault is sealed"));
  EXPECT_THAT(std::string(thrown.message()), HasSubstr("credentials.token_source: no bearer token: the source threw: boom"));
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(TlsTest, SendsTheTokenOfASourceOnceItHasOne) {
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/true);

  EXPECT_EQ(GetUser(Credentials::Tls(
                {.root_certificates = File("ca.pem"), .token_source = [] { return BearerToken{.text = "s3cret"}; }})),
            absl::OkStatus());
}

TEST_F(TlsTest, ClientsConnectAnewWhileTheServersCertificateChangesAndNoCallFails) {
  constexpr int kRotations = 10;
  std::atomic<int> taken_up = 0;
  auto server = UserServer::Start({.seed_users = 1,
                                   .tls = ServerTlsFiles{.certificate = File("server.pem"), .key = File("server.key")},
                                   .file_check_interval = 5ms,
                                   .file_log =
                                       [&](std::string_view sentence) {
                                         taken_up += sentence.find("new connections get") != std::string_view::npos ? 1 : 0;
                                       }})
                    .value();
  std::atomic<bool> done = false;
  std::atomic<int> failures = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      while (!done) {
        const auto client = UserClient::Create({.target = server->address(),
                                                .credentials = Credentials::Tls({.root_certificates = File("ca.pem")}),
                                                .service_config_json = NoRetryConfig("10s")});
        if (!client->GetUser(AskFor("u-1")).ok()) ++failures;
      }
    });
  }

  const auto limit = std::chrono::steady_clock::now() + 30s;
  for (int i = 0; i < kRotations; ++i) {
    Write("server", authority_.Issue({.addresses = {"127.0.0.1"}}));
    while (taken_up <= i && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  }
  done = true;
  for (std::thread& caller : callers) caller.join();

  EXPECT_EQ(taken_up, kRotations);
  EXPECT_EQ(failures, 0);
}

TEST_F(TlsTest, RefusesPemFilesThatOnlyLookLikeOnes) {
  StartServer(/*wants_client_certificate=*/true, /*wants_token=*/false);
  files_.Write("broken.pem", "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n");

  const absl::Status status = GetUser(Credentials::MutualTls(
      {.root_certificates = File("ca.pem"), .certificate_chain = File("broken.pem"), .private_key = File("client.key")}));

  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("credentials.certificate_chain: " + File("broken.pem").string()));
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

/// A process that makes a client, the first thing in it that uses OpenSSL, and exits.
[[noreturn]] void ConnectAndExit() {
  {
    const auto client = UserClient::Create({.target = "127.0.0.1:1", .credentials = Credentials::Tls({})});
    if (!client.ok()) std::exit(1);
  }
  OPENSSL_atexit([] { std::cerr << "cleaned up"; });
  std::exit(0);
}

TEST(TlsAtExitTest, AClientHasOpensslLeaveOutItsCleanUp) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");

  EXPECT_EXIT(ConnectAndExit(), ::testing::ExitedWithCode(0), ::testing::Not(HasSubstr("cleaned up")));
}

}  // namespace
}  // namespace userclient::testing
