// Certificates, keys and authorities that change while the server serves.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/file_news.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "tests/server/tls_client.h"
#include "tests/support/certificates.h"
#include "userclient/server/user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::CertificateAuthority;
using ::testing::EndsWith;
using testing::FailedWith;
using testing::FileNews;
using ::testing::HasSubstr;
using testing::IssuedCertificate;
using testing::MeetTls;
using testing::PlainClient;
using testing::Succeeded;
using testing::TemporaryDirectory;

/// A server whose files are looked at all the time, and which begins with the certificate "first".
class TlsRotationTest : public ::testing::Test {
 protected:
  std::unique_ptr<UserServer> StartServer(bool wants_client_certificate = false) {
    Install(Issue("first"));
    ServerTlsFiles tls = {.certificate = directory_ / "server.pem", .key = directory_ / "server.key"};
    if (wants_client_certificate) tls.client_ca = directory_.Write("client_ca.pem", authority_.certificate());
    return UserServer::Start({.seed_users = 1, .tls = tls, .file_check_interval = 5ms, .file_log = news_.Writer()}).value();
  }

  IssuedCertificate Issue(const std::string& name) const {
    return authority_.Issue({.common_name = name, .names = {"localhost"}});
  }

  void Install(const IssuedCertificate& issued) const {
    directory_.Replace("server.pem", issued.certificate);
    directory_.Replace("server.key", issued.private_key);
  }

  /// The first sentence that is not about a certificate whose key is still being written; empty if none comes.
  std::string NewsOfUse() {
    std::string news = news_.Next();
    while (news.find("is not the key of") != std::string::npos) news = news_.Next();
    return news;
  }

  std::shared_ptr<grpc::ChannelCredentials> Trusting(const IssuedCertificate& identity = {}) const {
    return grpc::SslCredentials({.pem_root_certs = authority_.certificate(),
                                 .pem_private_key = identity.private_key,
                                 .pem_cert_chain = identity.certificate});
  }

  const CertificateAuthority authority_{"authority"};
  TemporaryDirectory directory_;
  FileNews news_;
};

TEST_F(TlsRotationTest, NewConnectionsGetTheNewCertificate) {
  auto server = StartServer();
  ASSERT_EQ(MeetTls(server->port()).server, "first");

  Install(Issue("second"));
  ASSERT_THAT(NewsOfUse(), HasSubstr("new connections get the certificate of second, which is good until 2"));

  EXPECT_EQ(MeetTls(server->port()).server, "second");
}

TEST_F(TlsRotationTest, ExistingConnectionsStay) {
  auto server = StartServer();
  PlainClient client(server->address(), Trusting());
  ASSERT_THAT(client.GetUser("u-1"), Succeeded());

  Install(Issue("second"));
  ASSERT_THAT(NewsOfUse(), HasSubstr("the certificate of second"));

  EXPECT_EQ(client.channel()->GetState(/*try_to_connect=*/false), GRPC_CHANNEL_READY);
  EXPECT_THAT(client.GetUser("u-1"), Succeeded());
}

TEST_F(TlsRotationTest, ACertificateWithoutItsKeyWaitsForIt) {
  auto server = StartServer();
  const IssuedCertificate second = Issue("second");

  directory_.Replace("server.pem", second.certificate);
  ASSERT_THAT(news_.Next(), AllOf(HasSubstr("is not the key of"), EndsWith("; what was there before stays in use")));
  EXPECT_EQ(MeetTls(server->port()).server, "first");

  directory_.Replace("server.key", second.private_key);
  EXPECT_THAT(news_.Next(), HasSubstr("the certificate of second"));
  EXPECT_EQ(MeetTls(server->port()).server, "second");
}

TEST_F(TlsRotationTest, AFolderSwappedAsKubernetesDoesItIsNoticed) {
  namespace fs = std::filesystem;
  const auto fill = [this](const char* folder, const IssuedCertificate& issued) {
    fs::create_directory(directory_ / folder);
    directory_.Write(std::string(folder) + "/tls.crt", issued.certificate);
    directory_.Write(std::string(folder) + "/tls.key", issued.private_key);
  };
  fill("v1", Issue("first"));
  fill("v2", Issue("second"));
  fs::create_directory_symlink("v1", directory_ / "..data");
  fs::create_symlink("..data/tls.crt", directory_ / "tls.crt");
  fs::create_symlink("..data/tls.key", directory_ / "tls.key");
  auto server = UserServer::Start({.tls = ServerTlsFiles{.certificate = directory_ / "tls.crt", .key = directory_ / "tls.key"},
                                   .file_check_interval = 5ms,
                                   .file_log = news_.Writer()})
                    .value();

  fs::create_directory_symlink("v2", directory_ / "..data_tmp");
  fs::rename(directory_ / "..data_tmp", directory_ / "..data");

  ASSERT_THAT(news_.Next(), HasSubstr("the certificate of second"));
  EXPECT_EQ(MeetTls(server->port()).server, "second");
}

TEST_F(TlsRotationTest, TrustsOtherClientsFromThenOn) {
  const CertificateAuthority newcomer("newcomer");
  auto server = StartServer(/*wants_client_certificate=*/true);
  const auto old_client = Trusting(authority_.Issue({.common_name = "client"}));
  const auto new_client = Trusting(newcomer.Issue({.common_name = "client"}));
  ASSERT_THAT(PlainClient(server->address(), old_client).GetUser("u-1"), Succeeded());
  ASSERT_THAT(PlainClient(server->address(), new_client).GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));

  directory_.Replace("client_ca.pem", newcomer.certificate());
  ASSERT_THAT(news_.Next(), HasSubstr("new connections get"));

  EXPECT_THAT(PlainClient(server->address(), new_client).GetUser("u-1"), Succeeded());
  EXPECT_THAT(PlainClient(server->address(), old_client).GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(TlsRotationTest, NoCallFailsWhileCertificatesChangeUnderLoad) {
  constexpr int kRotations = 20;
  auto server = StartServer();
  std::atomic<bool> done = false;
  std::atomic<int> calls = 0;
  std::atomic<int> failures = 0;

  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      // Every call on a connection of its own.
      while (!done) {
        ++calls;
        if (!PlainClient(server->address(), Trusting()).GetUser("u-1").status.ok()) ++failures;
      }
    });
  }
  bool rotated = true;
  // As many rotations as it takes for as many calls.
  for (int i = 0; rotated && (i < kRotations || calls < kRotations); ++i) {
    const std::string name = "number " + std::to_string(i);
    Install(Issue(name));
    rotated = NewsOfUse().find("the certificate of " + name + ",") != std::string::npos;
  }
  done = true;
  for (std::thread& caller : callers) caller.join();

  EXPECT_TRUE(rotated);
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace userclient
