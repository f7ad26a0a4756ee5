// Credentials over real TLS handshakes, with certificates made for the test by openssl.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
namespace fs = std::filesystem;

/// A folder with a certificate authority, what it signed for a server on 127.0.0.1 and for a client, and a stranger's authority.
class Certificates {
 public:
  Certificates() : folder_(fs::temp_directory_path() / ("userclient-tls-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "server.ext") << "subjectAltName=IP:127.0.0.1,DNS:localhost\n";
    std::ofstream(folder_ / "client.ext") << "subjectAltName=DNS:client\n";
    MakeAuthority("ca");
    MakeAuthority("stranger");
    Sign("server");
    Sign("client");
    std::ofstream(folder_ / "token") << "s3cret\n";
    std::ofstream(folder_ / "wrong-token") << "guess\n";
  }
  ~Certificates() { fs::remove_all(folder_); }

  fs::path operator[](const std::string& file) const { return folder_ / file; }

 private:
  void Run(const std::string& command) const {
    const std::string quiet = "cd '" + folder_.string() + "' && " + command + " >/dev/null 2>&1";
    if (std::system(quiet.c_str()) != 0) {  // NOLINT(cert-env33-c): fixed commands of this test
      ADD_FAILURE() << "failed: " << command << " (is openssl installed?)";
    }
  }

  void MakeAuthority(const std::string& name) const {
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + name + " -keyout " + name +
        ".key -out " + name + ".pem");
  }

  void Sign(const std::string& name) const {
    Run("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout " + name +
        ".key -out " + name + ".csr");
    Run("openssl x509 -req -days 2 -CAcreateserial -CA ca.pem -CAkey ca.key -in " + name + ".csr -extfile " + name +
        ".ext -out " + name + ".pem");
  }

  fs::path folder_;
};

class TlsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { files_ = new Certificates(); }
  static void TearDownTestSuite() {
    delete files_;
    files_ = nullptr;
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

  static fs::path File(const std::string& name) { return (*files_)[name]; }

  absl::Status GetUser(const Credentials& credentials) {
    const auto client = UserClient::Create(
        {.target = server_->address(), .credentials = credentials, .service_config_json = NoRetryConfig("10s")});
    if (!client.ok()) return client.status();
    return client->GetUser(AskFor("u-1")).status();
  }

  static Certificates* files_;
  std::optional<FlakyUserServer> server_;
};

Certificates* TlsTest::files_ = nullptr;

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

TEST_F(TlsTest, SpeaksNoPlainTextToATlsServerAndNoTlsToAPlainOne) {
  StartServer(/*wants_client_certificate=*/false, /*wants_token=*/false);

  EXPECT_EQ(GetUser(Credentials::Insecure()).code(), StatusCode::kUnavailable);
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

TEST_F(TlsTest, RefusesPemFilesThatOnlyLookLikeOnes) {
  StartServer(/*wants_client_certificate=*/true, /*wants_token=*/false);
  std::ofstream(File("broken.pem")) << "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";

  const absl::Status status = GetUser(Credentials::MutualTls(
      {.root_certificates = File("ca.pem"), .certificate_chain = File("broken.pem"), .private_key = File("client.key")}));

  EXPECT_FALSE(status.ok());
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

}  // namespace
}  // namespace userclient::testing
