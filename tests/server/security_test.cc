// TLS, client certificates and bearer tokens.
#include <grpcpp/generic/async_generic_service.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/file_news.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "tests/server/tls_client.h"
#include "tests/support/certificates.h"
#include "tls/read_file.h"
#include "userclient/server/user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using testing::CertificateAuthority;
using ::testing::EndsWith;
using testing::FailedWith;
using testing::FileNews;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IssuedCertificate;
using testing::MeetTls;
using ::testing::Not;
using testing::PlainClient;
using ::testing::StartsWith;
using testing::Succeeded;
using testing::TemporaryDirectory;

/// An authority, a server "localhost" and a client, made once for all tests.
class SecurityTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    files_ = new TemporaryDirectory();
    const CertificateAuthority authority("authority");
    const CertificateAuthority stranger("stranger");
    files_->Write("ca.pem", authority.certificate());
    Write("server", authority.Issue({.common_name = "server", .names = {"localhost"}}));
    Write("client", authority.Issue({.common_name = "client"}));
    Write("stranger", stranger.Issue({.common_name = "client"}));
    Write("expired", authority.Issue({.names = {"localhost"}, .valid_from = -48h, .valid_until = -1h}));
    Write("future", authority.Issue({.names = {"localhost"}, .valid_from = 24h, .valid_until = 48h}));
  }
  static void TearDownTestSuite() {
    delete files_;
    files_ = nullptr;
  }

  static void Write(const std::string& name, const IssuedCertificate& issued) {
    files_->Write(name + ".pem", issued.certificate);
    files_->Write(name + ".key", issued.private_key);
  }

  static std::filesystem::path File(const char* name) { return *files_ / name; }
  static ServerTlsFiles ServerFiles() { return {.certificate = File("server.pem"), .key = File("server.key")}; }
  static ServerTlsFiles MutualFiles() {
    return {.certificate = File("server.pem"), .key = File("server.key"), .client_ca = File("ca.pem")};
  }

  /// `identity`: whose certificate the client shows; empty for none.
  static std::shared_ptr<grpc::ChannelCredentials> TlsCredentials(const std::string& identity = "") {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = internal::ReadFile(File("ca.pem")).value();
    if (!identity.empty()) {
      options.pem_private_key = internal::ReadFile(*files_ / (identity + ".key")).value();
      options.pem_cert_chain = internal::ReadFile(*files_ / (identity + ".pem")).value();
    }
    return grpc::SslCredentials(options);
  }

  static inline TemporaryDirectory* files_ = nullptr;
};

TEST_F(SecurityTest, ServesTlsToWhoTrustsTheAuthority) {
  auto server = UserServer::Start({.seed_users = 1, .tls = ServerFiles()}).value();

  EXPECT_THAT(PlainClient(server->address(), TlsCredentials()).GetUser("u-1"), Succeeded());
  EXPECT_THAT(PlainClient(server->address()).GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(SecurityTest, MutualTlsRequiresACertificateOfTheAuthority) {
  auto server = UserServer::Start({.seed_users = 1, .tls = MutualFiles()}).value();

  EXPECT_THAT(PlainClient(server->address(), TlsCredentials("client")).GetUser("u-1"), Succeeded());
  EXPECT_THAT(PlainClient(server->address(), TlsCredentials()).GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
  EXPECT_THAT(PlainClient(server->address(), TlsCredentials("stranger")).GetUser("u-1"),
              FailedWith(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(SecurityTest, SpeaksNothingOlderThanTls13) {
  auto server = UserServer::Start({.tls = ServerFiles()}).value();

  EXPECT_EQ(MeetTls(server->port()).version, "TLSv1.3");
  EXPECT_FALSE(MeetTls(server->port(), TLS1_2_VERSION).connected);
}

TEST_F(SecurityTest, OtherTlsOfTheProcessIsLeftAlone) {
  auto server = UserServer::Start({.tls = ServerFiles()}).value();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({.private_key = internal::ReadFile(File("server.key")).value(),
                                        .cert_chain = internal::ReadFile(File("server.pem")).value()});
  grpc::CallbackGenericService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> other = builder.BuildAndStart();

  EXPECT_TRUE(MeetTls(port, TLS1_2_VERSION).connected);
}

TEST_F(SecurityTest, SaysWhichFileIsWrong) {
  const std::filesystem::path no_pem = files_->Write("no.pem", "hello");

  const auto start = [](const std::filesystem::path& certificate, const std::filesystem::path& key,
                        std::optional<std::filesystem::path> client_ca = std::nullopt) {
    return UserServer::Start({.tls = ServerTlsFiles{.certificate = certificate, .key = key, .client_ca = std::move(client_ca)}});
  };
  using absl::StatusCode;

  EXPECT_THAT(start(File("missing.pem"), File("server.key")),
              IsError(StatusCode::kNotFound, AllOf(StartsWith("tls.certificate: cannot read "), HasSubstr("missing.pem"),
                                                   HasSubstr("No such file or directory"))));
  EXPECT_THAT(start(no_pem, File("server.key")),
              IsError(StatusCode::kFailedPrecondition, EndsWith("no.pem: holds no CERTIFICATE in PEM form")));
  EXPECT_THAT(start(File("server.pem"), File("server.pem")),
              IsError(StatusCode::kFailedPrecondition, EndsWith("server.pem: holds no PRIVATE KEY in PEM form")));
  EXPECT_THAT(start(File(""), File("server.key")), IsError(StatusCode::kFailedPrecondition, HasSubstr("Is a directory")));
  EXPECT_THAT(start("", File("server.key")), IsError(StatusCode::kFailedPrecondition, "tls.certificate: no file is named"));
  EXPECT_THAT(start(File("server.pem"), File("server.key"), no_pem),
              IsError(StatusCode::kFailedPrecondition, AllOf(StartsWith("tls.client_ca: "), HasSubstr("no.pem"))));
}

TEST_F(SecurityTest, KeyOfAnotherCertificateIsRefused) {
  EXPECT_THAT(UserServer::Start({.tls = ServerTlsFiles{.certificate = File("server.pem"), .key = File("client.key")}}),
              IsError(absl::StatusCode::kFailedPrecondition,
                      AllOf(StartsWith("tls.key: "), HasSubstr("is not the key of the first certificate in"))));
}

TEST_F(SecurityTest, CertificateOutOfItsTimeIsRefused) {
  EXPECT_THAT(UserServer::Start({.tls = ServerTlsFiles{.certificate = File("expired.pem"), .key = File("expired.key")}}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr(") expired on ")));
  EXPECT_THAT(UserServer::Start({.tls = ServerTlsFiles{.certificate = File("future.pem"), .key = File("future.key")}}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr(") is not valid before ")));
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

TEST_F(TokenTest, WhileOneIsReplacedBothAreTaken) {
  auto server = UserServer::Start({.seed_users = 1, .token_file = directory_.Write("token", "old\nnew\n")}).value();
  PlainClient client(server->address());

  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer old"}}), Succeeded());
  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer new"}}), Succeeded());
  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer old new"}}), FailedWith(grpc::StatusCode::UNAUTHENTICATED));
}

TEST_F(TokenTest, RotatesWithoutARestart) {
  FileNews news;
  auto server = UserServer::Start({.seed_users = 1,
                                   .token_file = directory_.Write("token", "old"),
                                   .file_check_interval = 5ms,
                                   .file_log = news.Writer()})
                    .value();
  PlainClient client(server->address());
  ASSERT_THAT(client.GetUser("u-1", {{"authorization", "Bearer old"}}), Succeeded());

  directory_.Replace("token", "new");
  ASSERT_THAT(news.Next(), HasSubstr("other tokens are taken from now on"));

  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer new"}}), Succeeded());
  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer old"}}), FailedWith(grpc::StatusCode::UNAUTHENTICATED));
}

TEST_F(TokenTest, AFileThatHoldsNoneChangesNothingAndIsToldOnce) {
  FileNews news;
  auto server = UserServer::Start({.seed_users = 1,
                                   .token_file = directory_.Write("token", "old"),
                                   .file_check_interval = 5ms,
                                   .file_log = news.Writer()})
                    .value();
  PlainClient client(server->address());

  directory_.Replace("token", "\n");
  ASSERT_THAT(news.Next(), AllOf(HasSubstr("holds no token"), EndsWith("what was there before stays in use")));
  EXPECT_THAT(client.GetUser("u-1", {{"authorization", "Bearer old"}}), Succeeded());

  directory_.Replace("token", "new");
  EXPECT_THAT(news.Next(), HasSubstr("other tokens are taken from now on")) << "and nothing twice";
}

TEST_F(TokenTest, NoTokenIsEverLogged) {
  absl::Mutex mutex;
  std::string log;
  auto server = UserServer::Start({.seed_users = 1,
                                   .token_file = directory_.Write("token", "s3cret"),
                                   .request_log =
                                       [&](std::string_view line) {
                                         absl::MutexLock lock(&mutex);
                                         log.append(line);
                                       }})
                    .value();
  PlainClient client(server->address());

  ASSERT_THAT(client.GetUser("u-1", {{"authorization", "Bearer s3cret"}}), Succeeded());
  ASSERT_THAT(client.GetUser("u-1", {{"authorization", "Bearer guess"}}), FailedWith(grpc::StatusCode::UNAUTHENTICATED));
  server.reset();

  EXPECT_THAT(log, HasSubstr("the bearer token is wrong"));
  EXPECT_THAT(log, Not(AnyOf(HasSubstr("s3cret"), HasSubstr("guess"))));
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
  EXPECT_THAT(UserServer::Start({.token_file = directory_.Write("two", "one two\n")}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("two: must hold one token a line")));
}

}  // namespace
}  // namespace userclient
