// TLS, client certificates and bearer tokens.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "userclient/server/user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::FailedWith;
using ::testing::HasSubstr;
using testing::IsError;
using testing::PlainClient;
using ::testing::StartsWith;
using testing::Succeeded;
using testing::TemporaryDirectory;

std::string Read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
}

/// An authority, a server "localhost" and a client, made once for all tests.
class SecurityTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    files_ = new TemporaryDirectory();
    const std::string script =
        "set -e; cd '" + (*files_ / "").string() +
        "'; exec >/dev/null 2>&1\n"
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority\n"
        "for name in server client; do\n"
        "  openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name\n"
        "  printf 'subjectAltName=DNS:localhost' > $name.ext\n"
        "  openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $name.pem -days 2 -extfile $name.ext\n"
        "done\n";
    if (std::system(script.c_str()) != 0) made_ = false;
  }
  static void TearDownTestSuite() { delete files_; }

  void SetUp() override { ASSERT_TRUE(made_) << "openssl could not make the certificates"; }

  static std::filesystem::path File(const char* name) { return *files_ / name; }
  static ServerTlsFiles ServerFiles() { return {.certificate = File("server.pem"), .key = File("server.key")}; }
  static ServerTlsFiles MutualFiles() {
    return {.certificate = File("server.pem"), .key = File("server.key"), .client_ca = File("ca.pem")};
  }

  static std::shared_ptr<grpc::ChannelCredentials> TlsCredentials(bool with_client_certificate) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Read(File("ca.pem"));
    if (with_client_certificate) {
      options.pem_private_key = Read(File("client.key"));
      options.pem_cert_chain = Read(File("client.pem"));
    }
    return grpc::SslCredentials(options);
  }

  static inline TemporaryDirectory* files_ = nullptr;
  static inline bool made_ = true;
};

TEST_F(SecurityTest, ServesTlsToWhoTrustsTheAuthority) {
  auto server = UserServer::Start({.seed_users = 1, .tls = ServerFiles()}).value();

  EXPECT_THAT(PlainClient(server->address(), TlsCredentials(false)).GetUser("u-1"), Succeeded());
  EXPECT_THAT(PlainClient(server->address()).GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(SecurityTest, MutualTlsRequiresACertificateOfTheAuthority) {
  auto server = UserServer::Start({.seed_users = 1, .tls = MutualFiles()}).value();

  EXPECT_THAT(PlainClient(server->address(), TlsCredentials(true)).GetUser("u-1"), Succeeded());
  EXPECT_THAT(PlainClient(server->address(), TlsCredentials(false)).GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(SecurityTest, SaysWhichFileIsWrong) {
  const std::filesystem::path no_pem = files_->Write("no.pem", "hello");

  EXPECT_THAT(UserServer::Start({.tls = ServerTlsFiles{.certificate = File("missing.pem"), .key = File("server.key")}}),
              IsError(absl::StatusCode::kNotFound, AllOf(HasSubstr("missing.pem"), HasSubstr("No such file or directory"))));
  EXPECT_THAT(UserServer::Start({.tls = ServerTlsFiles{.certificate = no_pem, .key = File("server.key")}}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("no.pem: holds no PEM block \"CERTIFICATE\"")));
  EXPECT_THAT(UserServer::Start({.tls = ServerTlsFiles{.certificate = File("server.pem"), .key = File("server.pem")}}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("server.pem: holds no PEM block \"PRIVATE KEY\"")));
  EXPECT_THAT(UserServer::Start({.tls = ServerTlsFiles{.certificate = File(""), .key = File("server.key")}}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("is a directory")));
}

TEST_F(SecurityTest, KeyOfAnotherCertificateIsRefused) {
  EXPECT_THAT(UserServer::Start({.tls = ServerTlsFiles{.certificate = File("server.pem"), .key = File("client.key")}}),
              IsError(absl::StatusCode::kFailedPrecondition, StartsWith("the TLS files cannot be used")));
}

class TokenTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
};

TEST_F(TokenTest, EveryCallButHealthNeedsIt) {
  auto server = UserServer::Start({.seed_users = 1, .token_file = directory_.Write("token", "s3cret\n")}).value();
  PlainClient client(server->address());

  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer s3cret"}}), Succeeded());
  EXPECT_THAT(client.GetUser("u-1"), FailedWith(grpc::StatusCode::UNAUTHENTICATED));
  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer s3cres"}}), FailedWith(grpc::StatusCode::UNAUTHENTICATED));
  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer s3cret2"}}), FailedWith(grpc::StatusCode::UNAUTHENTICATED));
  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "s3cret"}}), FailedWith(grpc::StatusCode::UNAUTHENTICATED));
  EXPECT_THAT(client.ListUsers(1), FailedWith(grpc::StatusCode::UNAUTHENTICATED));
  EXPECT_EQ(client.Health(""), "SERVING");
}

TEST_F(TokenTest, NothingOfTheServiceIsShownByReflection) {
  auto server = UserServer::Start({.reflection = true, .token_file = directory_.Write("token", "s3cret")}).value();
  const grpc::Slice list_services(std::string("\x3a\x00", 2));

  const auto outcome =
      PlainClient(server->address())
          .CallByName<grpc::ByteBuffer, grpc::ByteBuffer>("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                                          grpc::ByteBuffer(&list_services, 1));

  EXPECT_THAT(outcome, FailedWith(grpc::StatusCode::UNIMPLEMENTED));
}

TEST_F(TokenTest, CallWithoutItConsumesNoFault) {
  auto server = UserServer::Start({.seed_users = 1, .token_file = directory_.Write("token", "s3cret")}).value();
  ASSERT_THAT(server->faults().Script("GetUser", {{.status = absl::StatusCode::kAborted}}), testing::IsOk());
  PlainClient client(server->address());

  client.GetUser("u-1");

  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer s3cret"}}), FailedWith(grpc::StatusCode::ABORTED));
}

TEST_F(TokenTest, SaysWhatIsWrongWithTheFile) {
  EXPECT_THAT(UserServer::Start({.token_file = directory_ / "missing"}),
              IsError(absl::StatusCode::kNotFound, AllOf(HasSubstr("missing"), HasSubstr("No such file or directory"))));
  EXPECT_THAT(UserServer::Start({.token_file = directory_.Write("empty", " \n")}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("empty: holds no token")));
  EXPECT_THAT(UserServer::Start({.token_file = directory_.Write("two", "one\ntwo\n")}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("two: must hold one token")));
}

}  // namespace
}  // namespace userclient
