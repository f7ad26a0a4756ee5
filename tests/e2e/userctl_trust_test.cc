// What userctl says when server and client do not trust each other: every reason by its own words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/e2e/raw_tcp_server.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "userclient/server/user_server.h"

namespace userclient::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr int kWrongUsage = 2;
constexpr int kUnavailable = 78;
constexpr int kUnauthenticated = 80;

class UserctlTrustTest : public ::testing::Test {
 protected:
  UserctlTrustTest() { files_.Write("ca.pem", authority_.certificate()); }

  void Write(const std::string& name, const IssuedCertificate& issued) const {
    files_.Write(name + ".pem", issued.certificate);
    files_.Write(name + ".key", issued.private_key);
  }

  void StartServer(const CertificateRequest& request, UserServerOptions options = {}, bool wants_client_certificate = false) {
    Write("server", authority_.Issue(request));
    options.seed_users = 1;
    options.tls = ServerTlsFiles{.certificate = files_ / "server.pem", .key = files_ / "server.key"};
    if (wants_client_certificate) options.tls->client_ca = files_ / "ca.pem";
    server_ = UserServer::Start(std::move(options)).value();
  }

  std::string File(const std::string& name) const { return (files_ / name).string(); }

  static Program::Result Userctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), USERCTL_PROGRAM);
    arguments.insert(arguments.end(), {"--timeout", "20s", "get", "u-1"});
    return Program(arguments, {{"USERCTL_TARGET", ""}}).Wait();
  }

  Program::Result Get(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--target", server_->address()});
    return Userctl(std::move(arguments));
  }

  const CertificateRequest sound_ = {.common_name = "users", .names = {"localhost"}, .addresses = {"127.0.0.1"}};
  const CertificateAuthority authority_{"authority"};
  TemporaryDirectory files_;
  std::unique_ptr<UserServer> server_;
};

TEST_F(UserctlTrustTest, WithTheRightFilesItWorks) {
  StartServer(sound_, {.token_file = files_.Write("token", "s3cret\n")}, /*wants_client_certificate=*/true);
  Write("client", authority_.Issue({.common_name = "client"}));

  const Program::Result get = Get({"--ca", File("ca.pem"), "--cert", File("client.pem"), "--key", File("client.key"),
                                   "--token-file", File("token"), "--verbose"});

  EXPECT_EQ(get.exit_status, 0) << get.err;
  EXPECT_THAT(get.out, HasSubstr("u-1"));
  EXPECT_THAT(get.err, Not(HasSubstr("s3cret")));
}

TEST_F(UserctlTrustTest, AnAuthorityThatIsNotTrusted) {
  StartServer(sound_);
  files_.Write("other.pem", CertificateAuthority("other").certificate());

  const Program::Result get = Get({"--ca", File("other.pem")});

  EXPECT_EQ(get.exit_status, kUnavailable);
  EXPECT_THAT(get.err, HasSubstr("\nhint: the certificate of " + server_->address() +
                                 " (users) is signed by authority, whom we do not trust: "));
  EXPECT_THAT(get.err, HasSubstr("; --ca FILE names the authority to trust\n"));
}

TEST_F(UserctlTrustTest, ACertificateThatHasExpired) {
  // No server of ours begins with an expired one.
  CertificateRequest brief = sound_;
  brief.valid_until = 5s;
  StartServer(brief);

  Program::Result get;
  const auto limit = std::chrono::steady_clock::now() + 30s;
  do get = Get({"--ca", File("ca.pem")});
  while (get.exit_status == 0 && std::chrono::steady_clock::now() < limit);

  EXPECT_EQ(get.exit_status, kUnavailable);
  EXPECT_THAT(get.err, ContainsRegex("\nhint: the certificate of .* \\(users\\) expired on 2.* UTC; the server needs a new one"));
}

TEST_F(UserctlTrustTest, ACertificateForAnotherName) {
  StartServer({.names = {"users.example.com"}});

  const Program::Result refused = Get({"--ca", File("ca.pem")});
  const Program::Result named = Get({"--ca", File("ca.pem"), "--server-name", "users.example.com"});
  const Program::Result misnamed = Get({"--ca", File("ca.pem"), "--server-name", "orders.example.com"});

  EXPECT_EQ(refused.exit_status, kUnavailable);
  EXPECT_THAT(refused.err, HasSubstr("is for users.example.com, and not for 127.0.0.1; is it the right server? If so, "
                                     "--server-name NAME gives the name to ask for\n"));
  EXPECT_EQ(named.exit_status, 0) << named.err;
  EXPECT_EQ(misnamed.exit_status, kUnavailable);
  EXPECT_THAT(misnamed.err, HasSubstr("is for users.example.com, and not for orders.example.com; "));
}

TEST_F(UserctlTrustTest, AServerThatWantsACertificateOfOurs) {
  StartServer(sound_, {}, /*wants_client_certificate=*/true);
  Write("stranger", CertificateAuthority("stranger").Issue({.common_name = "client"}));

  const Program::Result without = Get({"--ca", File("ca.pem")});
  const Program::Result wrong = Get({"--ca", File("ca.pem"), "--cert", File("stranger.pem"), "--key", File("stranger.key")});

  EXPECT_EQ(without.exit_status, kUnavailable);
  EXPECT_THAT(without.err, HasSubstr("wants a certificate of ours, and gets none: give --cert FILE and --key FILE\n"));
  EXPECT_EQ(wrong.exit_status, kUnavailable);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("does not take our certificate " + File("stranger.pem")),
                               HasSubstr("is it signed by an authority that the server trusts")));
}

TEST_F(UserctlTrustTest, ATokenThatIsMissingOrWrong) {
  StartServer(sound_, {.token_file = files_.Write("token", "s3cret\n")});
  files_.Write("wrong", "guess\n");

  const Program::Result without = Get({"--ca", File("ca.pem")});
  const Program::Result wrong = Get({"--ca", File("ca.pem"), "--token-file", File("wrong"), "--verbose"});

  EXPECT_EQ(without.exit_status, kUnauthenticated);
  EXPECT_THAT(without.err,
              HasSubstr("UNAUTHENTICATED: a bearer token is required\nhint: the server wants a token: give --token-file FILE"));
  EXPECT_EQ(wrong.exit_status, kUnauthenticated);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("the bearer token is wrong"), HasSubstr("hint: the server refuses this token"),
                               Not(HasSubstr("guess"))));
}

TEST_F(UserctlTrustTest, PlainTextToAServerThatWantsTls) {
  StartServer(sound_);

  const Program::Result get = Get({});

  EXPECT_EQ(get.exit_status, kUnavailable);
  EXPECT_THAT(get.err,
              HasSubstr("\nhint: " + server_->address() + " speaks TLS, and we speak plain text: give --tls or --ca FILE\n"));
}

TEST_F(UserctlTrustTest, ANameServerThatCannotBeReached) {
  const ClosedPort closed;

  const Program::Result get = Userctl({"--target", "dns://" + closed.address() + "/users.example.com:50051"});

  EXPECT_EQ(get.exit_status, kUnavailable);
  EXPECT_THAT(get.err,
              AllOf(HasSubstr("\nhint: "), HasSubstr(closed.address() + " cannot be reached to look up users.example.com")));
}

TEST_F(UserctlTrustTest, FilesThatCannotBeUsedAreToldBeforeAnyCall) {
  const auto complaint = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--target", "127.0.0.1:1"});
    const Program::Result get = Userctl(std::move(arguments));
    EXPECT_EQ(get.exit_status, kWrongUsage);
    EXPECT_THAT(get.out, IsEmpty());
    return get.err;
  };
  Write("client", authority_.Issue({.common_name = "client"}));
  Write("other", authority_.Issue({.common_name = "other"}));
  Write("expired", authority_.Issue({.common_name = "old", .valid_from = -48h, .valid_until = -24h}));

  EXPECT_THAT(complaint({"--cert", File("client.pem"), "--key", File("other.key")}),
              StartsWith("userctl: --key: " + File("other.key") + ": is not the key of the first certificate in "));
  EXPECT_THAT(complaint({"--cert", File("expired.pem"), "--key", File("expired.key")}),
              StartsWith("userctl: --cert: " + File("expired.pem") + ": the certificate (old) expired on "));
  EXPECT_THAT(complaint({"--ca", File("client.key")}),
              StartsWith("userctl: --ca: " + File("client.key") + ": holds no CERTIFICATE in PEM form"));
  EXPECT_THAT(complaint({"--tls", "--server-name", "users:443"}), StartsWith("userctl: --server-name: \"users:443\" is no name"));
  EXPECT_THAT(complaint({"--server-name", "users"}), StartsWith("userctl: --server-name needs TLS"));
}

}  // namespace
}  // namespace userclient::testing
