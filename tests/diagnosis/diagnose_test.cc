// Every way in which a connection cannot be had, against real servers.
#include "userclient/diagnose.h"

#include <chrono>
#include <future>
#include <memory>
#include <ostream>
#include <stop_token>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/raw_tcp_server.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "userclient/server/user_server.h"

namespace userclient {

void PrintTo(ConnectTrouble trouble, std::ostream* out) { *out << ConnectTroubleName(trouble); }

namespace {

using namespace std::chrono_literals;
using absl::StatusCode;
using testing::CertificateAuthority;
using testing::CertificateRequest;
using testing::ClosedPort;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IssuedCertificate;
using testing::RawTcpServer;
using testing::TemporaryDirectory;

MATCHER_P2(Finds, trouble, problem, "finds " + std::string(ConnectTroubleName(trouble))) {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  *result_listener << ConnectTroubleName(arg->trouble) << ": " << arg->problem << "; " << arg->advice;
  return arg->trouble == trouble && arg->problem.find(problem) != std::string::npos &&
         arg->advice.empty() == (trouble == ConnectTrouble::kNone);
}

class DiagnoseTest : public ::testing::Test {
 protected:
  DiagnoseTest() { directory_.Write("ca.pem", authority_.certificate()); }

  void Write(const std::string& name, const IssuedCertificate& issued) const {
    directory_.Write(name + ".pem", issued.certificate);
    directory_.Write(name + ".key", issued.private_key);
  }

  std::unique_ptr<UserServer> StartServer() const { return UserServer::Start({}).value(); }

  /// With a certificate like this.
  std::unique_ptr<UserServer> StartTlsServer(const CertificateRequest& request, bool wants_client_certificate = false) const {
    Write("server", authority_.Issue(request));
    ServerTlsFiles tls = {.certificate = directory_ / "server.pem", .key = directory_ / "server.key"};
    if (wants_client_certificate) tls.client_ca = directory_ / "ca.pem";
    return UserServer::Start({.tls = tls}).value();
  }

  Credentials Tls() const { return Credentials::Tls({.root_certificates = directory_ / "ca.pem"}); }
  Credentials Mutual(const std::string& name) const {
    return Credentials::MutualTls({.root_certificates = directory_ / "ca.pem",
                                   .certificate_chain = directory_ / (name + ".pem"),
                                   .private_key = directory_ / (name + ".key")});
  }

  const CertificateRequest sound_ = {.common_name = "users", .names = {"localhost"}, .addresses = {"127.0.0.1"}};
  const CertificateAuthority authority_{"authority"};
  TemporaryDirectory directory_;
};

TEST_F(DiagnoseTest, NothingIsTheMatterWithAHealthyServer) {
  auto plain = StartServer();
  auto tls = StartTlsServer(sound_);

  EXPECT_THAT(DiagnoseConnection(plain->address(), Credentials::Insecure()), Finds(ConnectTrouble::kNone, "can be reached"));
  EXPECT_THAT(DiagnoseConnection(tls->address(), Tls()), Finds(ConnectTrouble::kNone, "can be reached"));
  EXPECT_THAT(DiagnoseConnection("ipv4:" + tls->address(), Tls()), Finds(ConnectTrouble::kNone, "can be reached"));
  EXPECT_THAT(DiagnoseConnection("dns:///localhost:" + std::to_string(tls->port()), Tls(), 20s),
              Finds(ConnectTrouble::kRefused, "[::1]:"))
      << "one of two addresses: the server listens on 127.0.0.1 only";
}

TEST_F(DiagnoseTest, NobodyListens) {
  ClosedPort closed;

  EXPECT_THAT(DiagnoseConnection(closed.address(), Tls()), Finds(ConnectTrouble::kRefused, "nothing accepts connections at 127"));
  EXPECT_THAT(DiagnoseConnection("unix:/no/such.sock", Credentials::Insecure()),
              Finds(ConnectTrouble::kRefused, "at unix:/no/such.sock"));
}

TEST_F(DiagnoseTest, TheNameServerCannotBeReached) {
  ClosedPort closed;

  EXPECT_THAT(DiagnoseConnection("dns://" + closed.address() + "/users.example.com:50051", Tls(), 20s),
              Finds(ConnectTrouble::kNameServer, closed.address()));
}

TEST_F(DiagnoseTest, TheAuthorityIsNotTrusted) {
  auto server = StartTlsServer(sound_);
  directory_.Write("other.pem", CertificateAuthority("other").certificate());

  EXPECT_THAT(DiagnoseConnection(server->address(), Credentials::Tls({.root_certificates = directory_ / "other.pem"})),
              Finds(ConnectTrouble::kUntrustedCertificate, "(users) is signed by authority, whom we do not trust"));
  EXPECT_THAT(DiagnoseConnection(server->address(), Credentials::Tls()),
              Finds(ConnectTrouble::kUntrustedCertificate, "is signed by authority"));
}

TEST_F(DiagnoseTest, AnAddressWithoutAServerHidesNoTroubleOfAnother) {
  auto server = StartTlsServer(sound_);

  EXPECT_THAT(DiagnoseConnection("dns:///localhost:" + std::to_string(server->port()), Credentials::Tls(), 20s),
              Finds(ConnectTrouble::kUntrustedCertificate, "127.0.0.1:"));
}

TEST_F(DiagnoseTest, TheCertificateIsOutOfItsTime) {
  // No server of ours begins with such a certificate; one whose certificate expires while it runs goes on.
  CertificateRequest brief = sound_;
  brief.valid_until = 5s;
  auto server = StartTlsServer(brief);
  absl::StatusOr<Diagnosis> diagnosis;
  const auto limit = std::chrono::steady_clock::now() + 30s;
  do diagnosis = DiagnoseConnection(server->address(), Tls());
  while (diagnosis.ok() && diagnosis->trouble == ConnectTrouble::kNone && std::chrono::steady_clock::now() < limit);

  EXPECT_THAT(diagnosis, Finds(ConnectTrouble::kExpiredCertificate, "(users) expired on 2"));
}

TEST_F(DiagnoseTest, TheCertificateIsForAnotherName) {
  auto server = StartTlsServer({.common_name = "elsewhere", .names = {"elsewhere.example.com", "*.example.org"}});

  EXPECT_THAT(DiagnoseConnection(server->address(), Tls()),
              Finds(ConnectTrouble::kWrongHostName, "is for elsewhere.example.com, *.example.org, and not for 127.0.0.1"));
  EXPECT_THAT(DiagnoseConnection(server->address(), Credentials::Tls({.root_certificates = directory_ / "ca.pem",
                                                                      .server_name = "elsewhere.example.com"})),
              Finds(ConnectTrouble::kNone, "can be reached"));
}

TEST_F(DiagnoseTest, AnAddressIsInNoCertificateForNamesOnly) {
  auto server = StartTlsServer({.names = {"localhost"}});

  EXPECT_THAT(DiagnoseConnection(server->address(), Tls()),
              Finds(ConnectTrouble::kWrongHostName, "is for localhost, and not for 127.0.0.1"));
}

TEST_F(DiagnoseTest, TheServerWantsACertificateOfOurs) {
  auto server = StartTlsServer(sound_, /*wants_client_certificate=*/true);
  Write("client", authority_.Issue({.common_name = "client"}));
  Write("stranger", CertificateAuthority("stranger").Issue({.common_name = "client"}));

  EXPECT_THAT(DiagnoseConnection(server->address(), Tls()),
              Finds(ConnectTrouble::kClientCertificateMissing, "wants a certificate of ours, and gets none"));
  EXPECT_THAT(DiagnoseConnection(server->address(), Mutual("stranger")),
              Finds(ConnectTrouble::kClientCertificateRefused, "stranger.pem"));
  EXPECT_THAT(DiagnoseConnection(server->address(), Mutual("client")), Finds(ConnectTrouble::kNone, "can be reached"));
}

TEST_F(DiagnoseTest, OurOwnFilesCannotBeUsed) {
  Write("client", authority_.Issue({.common_name = "client"}));
  Write("other", authority_.Issue({.common_name = "other"}));
  std::filesystem::copy_file(directory_ / "other.key", directory_ / "client.key",
                             std::filesystem::copy_options::overwrite_existing);

  EXPECT_THAT(DiagnoseConnection("127.0.0.1:1", Mutual("client")),
              Finds(ConnectTrouble::kOwnCredentials, "credentials.private_key: "));
  EXPECT_THAT(DiagnoseConnection("127.0.0.1:1", Mutual("missing")),
              Finds(ConnectTrouble::kOwnCredentials, "credentials.certificate_chain: cannot read "));
}

TEST_F(DiagnoseTest, OneSpeaksTlsAndTheOtherDoesNot) {
  auto plain = StartServer();
  auto tls = StartTlsServer(sound_);

  EXPECT_THAT(DiagnoseConnection(plain->address(), Tls()),
              Finds(ConnectTrouble::kServerSpeaksNoTls, "speaks plain text, and we speak TLS"));
  EXPECT_THAT(DiagnoseConnection(tls->address(), Credentials::Insecure()),
              Finds(ConnectTrouble::kServerSpeaksTls, "speaks TLS, and we speak plain text"));
}

TEST_F(DiagnoseTest, ItIsNoGrpcServer) {
  RawTcpServer http1("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");

  EXPECT_THAT(DiagnoseConnection(http1.address(), Credentials::Insecure()),
              Finds(ConnectTrouble::kNoGrpc, "answers, but not with HTTP/2"));
  EXPECT_THAT(DiagnoseConnection(http1.address(), Tls()), Finds(ConnectTrouble::kNoGrpc, "does not speak TLS"));
}

TEST_F(DiagnoseTest, ItSaysNothing) {
  RawTcpServer silent("");

  EXPECT_THAT(DiagnoseConnection(silent.address(), Credentials::Insecure(), 2s),
              Finds(ConnectTrouble::kSilent, "and then says nothing"));
  EXPECT_THAT(DiagnoseConnection(silent.address(), Tls(), 2s), Finds(ConnectTrouble::kSilent, "and then says nothing"));
}

TEST_F(DiagnoseTest, AStopBreaksItOff) {
  RawTcpServer silent("");
  std::stop_source stop;
  auto diagnosis = std::async(
      std::launch::async, [&] { return DiagnoseConnection(silent.address(), Credentials::Insecure(), 1h, stop.get_token()); });

  stop.request_stop();

  ASSERT_EQ(diagnosis.wait_for(30s), std::future_status::ready);
  EXPECT_THAT(diagnosis.get(), IsError(StatusCode::kCancelled, HasSubstr("cancelled")));
}

TEST_F(DiagnoseTest, ImpossibleQuestions) {
  EXPECT_THAT(DiagnoseConnection("", Tls()), IsError(StatusCode::kInvalidArgument, HasSubstr("target: is empty")));
  EXPECT_THAT(DiagnoseConnection("127.0.0.1:1", Tls(), 0s), IsError(StatusCode::kInvalidArgument, HasSubstr("timeout: ")));
  EXPECT_THAT(DiagnoseConnection("xds:///users", Tls()), IsError(StatusCode::kUnimplemented, HasSubstr("only gRPC itself")));
}

}  // namespace
}  // namespace userclient
