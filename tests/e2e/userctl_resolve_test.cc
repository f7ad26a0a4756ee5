// userctl resolve against a name server and servers of the test's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "tests/support/scripted_name_server.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr int kWrongUsage = 2;
constexpr int kDeadlineExceeded = 68;
constexpr int kNotFound = 69;
constexpr int kPermissionDenied = 71;
constexpr int kUnavailable = 78;
constexpr char kHost[] = "users.test";
/// For every lookup and every server, where it is not the time that is looked at.
constexpr char kPatience[] = "20s";

FlakyUserServer ServerAt(const std::string& listen_address, std::optional<ServerTlsFiles> tls = {}) {
  return FlakyUserServer::Start({.listen_address = listen_address, .tls = std::move(tls)}).value();
}

class UserctlResolveTest : public ::testing::Test {
 protected:
  /// The command line for the name at this port.
  std::vector<std::string> CommandLine(int port, const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {USERCTL_PROGRAM, "--target",
                                    "dns://" + name_server_.authority() + "/" + kHost + ":" + std::to_string(port)};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  Program::Result Resolve(int port, std::vector<std::string> arguments = {}, const std::string& timeout = kPatience) const {
    arguments.insert(arguments.begin(), {"--timeout", timeout, "resolve"});
    return Program(CommandLine(port, arguments)).Wait();
  }

  /// Blocks until the name server was asked so often for addresses of IPv4.
  void AwaitQueries(int count) const {
    const auto limit = std::chrono::steady_clock::now() + 50s;
    while (name_server_.queries(kHost, DnsFamily::kIpv4) < count) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "it does not ask";
      std::this_thread::sleep_for(1ms);
    }
  }

  ScriptedNameServer name_server_;
};

TEST_F(UserctlResolveTest, ShowsEveryAddressByFamilyWithItsHealth) {
  const FlakyUserServer one = ServerAt("127.0.0.1:0");
  const std::string port = std::to_string(one.port());
  const FlakyUserServer two = ServerAt("127.0.0.2:" + port);
  const FlakyUserServer six = ServerAt("[::1]:" + port);
  name_server_.Set(kHost, {.addresses = {"127.0.0.2", "127.0.0.1"}}, {.addresses = {"::1"}});

  const Program::Result resolve = Resolve(one.port());

  EXPECT_EQ(resolve.exit_status, 0);
  EXPECT_THAT(resolve.out, MatchesRegex("ADDRESS +FAMILY +HEALTH\n127.0.0.1:" + port + " +ipv4 +SERVING\n127.0.0.2:" + port +
                                        " +ipv4 +SERVING\n.::1.:" + port + " +ipv6 +SERVING\n"));
  EXPECT_THAT(resolve.err, IsEmpty());
}

TEST_F(UserctlResolveTest, SaysWhyAServerGivesNoAnswer) {
  const FlakyUserServer server = ServerAt("127.0.0.1:0");
  name_server_.Set(kHost, {.addresses = {"127.0.0.1", "127.0.0.3"}}, NoAddress());

  const Program::Result resolve = Resolve(server.port());

  EXPECT_EQ(resolve.exit_status, 0);
  EXPECT_THAT(resolve.out, MatchesRegex("(.|\n)*127.0.0.1:[0-9]+ +ipv4 +SERVING\n127.0.0.3:[0-9]+ +ipv4 +UNREACHABLE: [^\n]+\n"));
}

TEST_F(UserctlResolveTest, AsksAboutAService) {
  const FlakyUserServer server = ServerAt("127.0.0.1:0");
  name_server_.Set(kHost, {.addresses = {"127.0.0.1"}}, NoAddress());

  EXPECT_THAT(Resolve(server.port(), {"user.v1.UserService"}).out, HasSubstr(" SERVING\n"));
  EXPECT_THAT(Resolve(server.port(), {"no.such.Service"}).out, HasSubstr("SERVICE_UNKNOWN"));
}

TEST_F(UserctlResolveTest, AsJsonIsOneDocumentAnAddress) {
  const FlakyUserServer server = ServerAt("127.0.0.1:0");
  name_server_.Set(kHost, {.addresses = {"127.0.0.1"}}, NoAddress());

  const Program::Result resolve = Resolve(server.port(), {"--json"});

  EXPECT_EQ(json::parse(resolve.out), (json{{"address", server.address()}, {"family", "ipv4"}, {"health", "SERVING"}}));
}

TEST_F(UserctlResolveTest, NamesOnlyCallsNobody) {
  name_server_.Set(kHost, {.addresses = {"127.0.0.1"}}, {.addresses = {"fd00::1"}});

  const Program::Result resolve = Resolve(50051, {"--names-only"});

  EXPECT_EQ(resolve.exit_status, 0);
  EXPECT_EQ(resolve.out, "ADDRESS                FAMILY\n127.0.0.1:50051        ipv4\n[fd00::1]:50051        ipv6\n");
}

TEST_F(UserctlResolveTest, TlsIsForTheNameOfTheTarget) {
  const TemporaryDirectory files;
  const CertificateAuthority authority("authority");
  const auto ca = files.Write("ca.pem", authority.certificate()).string();
  const auto serve = [&](const std::string& listen_address, const std::string& name) {
    const IssuedCertificate issued = authority.Issue({.names = {name}});
    return ServerAt(listen_address, ServerTlsFiles{.certificate = files.Write(name + ".pem", issued.certificate),
                                                   .key = files.Write(name + ".key", issued.private_key)});
  };
  const FlakyUserServer ours = serve("127.0.0.1:0", kHost);
  const FlakyUserServer alien = serve("127.0.0.2:" + std::to_string(ours.port()), "other.test");
  name_server_.Set(kHost, {.addresses = {"127.0.0.1", "127.0.0.2"}}, NoAddress());

  const Program::Result resolve = Program(CommandLine(ours.port(), {"--timeout", kPatience, "--ca", ca, "resolve"})).Wait();

  EXPECT_EQ(resolve.exit_status, 0);
  EXPECT_THAT(
      resolve.out,
      MatchesRegex("(.|\n)*127.0.0.1:[0-9]+ +ipv4 +SERVING\n127.0.0.2:[0-9]+ +ipv4 +UNREACHABLE: [^\n]*other.test[^\n]*\n"));
}

// ---- No addresses

TEST_F(UserctlResolveTest, ANameThatDoesNotExistIsStatus69) {
  const Program::Result resolve = Resolve(50051);

  EXPECT_EQ(resolve.exit_status, kNotFound);
  EXPECT_THAT(resolve.out, IsEmpty());
  EXPECT_THAT(resolve.err, AllOf(StartsWith("userctl: resolve users.test: NOT_FOUND: users.test does not exist"),
                                 HasSubstr(name_server_.authority())));
}

TEST_F(UserctlResolveTest, ANameServerThatRefusesIsStatus71) {
  name_server_.Set(kHost, Refused(), Refused());

  const Program::Result resolve = Resolve(50051, {"--json"});

  EXPECT_EQ(resolve.exit_status, kPermissionDenied);
  EXPECT_EQ(json::parse(resolve.err)["error"]["code"], "PERMISSION_DENIED");
}

TEST_F(UserctlResolveTest, ANameServerThatFailsOrIsGoneIsStatus78) {
  name_server_.Set(kHost, ServFail(), ServFail());
  const Program::Result fails = Resolve(50051);
  name_server_.Die();
  const Program::Result gone = Resolve(50051);

  EXPECT_EQ(fails.exit_status, kUnavailable);
  EXPECT_THAT(fails.err, HasSubstr("SERVFAIL"));
  EXPECT_EQ(gone.exit_status, kUnavailable);
  EXPECT_THAT(gone.err, HasSubstr("cannot be reached"));
}

TEST_F(UserctlResolveTest, ANameServerThatIsSilentIsStatus68) {
  name_server_.Set(kHost, Silence(), Silence());

  const Program::Result resolve = Resolve(50051, {}, /*timeout=*/"200ms");

  EXPECT_EQ(resolve.exit_status, kDeadlineExceeded);
  EXPECT_THAT(resolve.err, HasSubstr("did not answer"));
}

TEST_F(UserctlResolveTest, ATargetWithoutANameIsWrongUsage) {
  const Program::Result address = Program({USERCTL_PROGRAM, "--target", "127.0.0.1:50051", "resolve"}).Wait();
  const Program::Result none = Program({USERCTL_PROGRAM, "resolve"}, {{"USERCTL_TARGET", ""}}).Wait();

  EXPECT_EQ(address.exit_status, kWrongUsage);
  EXPECT_THAT(address.err, HasSubstr("holds no name"));
  EXPECT_EQ(none.exit_status, kWrongUsage);
  EXPECT_THAT(none.err, HasSubstr("--target"));
}

TEST_F(UserctlResolveTest, CredentialsThatCannotBeUsedAreWrongUsage) {
  name_server_.Set(kHost, {.addresses = {"127.0.0.1"}}, NoAddress());

  const Program::Result resolve = Program(CommandLine(50051, {"--ca", "/no/such.pem", "resolve"})).Wait();

  EXPECT_EQ(resolve.exit_status, kWrongUsage);
  EXPECT_THAT(resolve.err, StartsWith("userctl: --ca: "));
}

// ---- --watch

class UserctlResolveWatchTest : public UserctlResolveTest {
 protected:
  Program Watch(int port, std::vector<std::string> arguments = {}, const std::string& timeout = "5s") const {
    arguments.insert(arguments.begin(), {"--timeout", timeout, "resolve", "--watch", "--interval", "50ms"});
    return Program(CommandLine(port, arguments));
  }
};

TEST_F(UserctlResolveWatchTest, TellsOfAddressesThatComeAndGo) {
  name_server_.Set(kHost, {.addresses = {"127.0.0.1"}}, NoAddress());
  Program watch = Watch(50051, {"--names-only"});

  const std::string first = watch.ReadLine();
  name_server_.Set(kHost, {.addresses = {"127.0.0.1", "127.0.0.2"}}, NoAddress());
  const std::string added = watch.ReadLine();
  name_server_.Set(kHost, {.addresses = {"127.0.0.2"}}, NoAddress());
  const std::string removed = watch.ReadLine();
  watch.Signal(SIGINT);
  const Program::Result end = watch.Wait();

  EXPECT_THAT(first, MatchesRegex("20[0-9-]+T[0-9:.]+Z  . 127.0.0.1:50051 +ipv4"));
  EXPECT_THAT(added, HasSubstr("+ 127.0.0.2:50051"));
  EXPECT_THAT(removed, HasSubstr("- 127.0.0.1:50051"));
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_THAT(end.err, IsEmpty());
}

TEST_F(UserctlResolveWatchTest, TellsOfServersThatFallSickAndRecover) {
  FlakyUserServer server = ServerAt("127.0.0.1:0");
  name_server_.Set(kHost, {.addresses = {"127.0.0.1"}}, NoAddress());
  Program watch = Watch(server.port(), {"--json"});

  const json healthy = json::parse(watch.ReadLine());
  server.Stop();
  const json sick = json::parse(watch.ReadLine());
  ASSERT_TRUE(server.Restart().ok());
  const json recovered = json::parse(watch.ReadLine());
  watch.Signal(SIGINT);
  const Program::Result end = watch.Wait();

  EXPECT_EQ(healthy["change"], "added");
  EXPECT_EQ(healthy["health"], "SERVING");
  EXPECT_EQ(sick["change"], "changed");
  EXPECT_EQ(sick["health"], "UNREACHABLE");
  EXPECT_EQ(recovered["change"], "changed");
  EXPECT_EQ(recovered["health"], "SERVING");
  EXPECT_EQ(end.exit_status, 0);
}

TEST_F(UserctlResolveWatchTest, GoesOnWhileTheNameServerFailsAndSaysSoOnce) {
  name_server_.Set(kHost, {.addresses = {"127.0.0.1"}}, NoAddress());
  Program watch = Watch(50051, {"--names-only"});

  watch.ReadLine();
  name_server_.Set(kHost, ServFail(), ServFail());
  const int before = name_server_.queries(kHost, DnsFamily::kIpv4);
  AwaitQueries(before + 20);
  name_server_.Set(kHost, {.addresses = {"127.0.0.1", "127.0.0.2"}}, NoAddress());
  const std::string added = watch.ReadLine();
  watch.Signal(SIGINT);
  const Program::Result end = watch.Wait();

  EXPECT_THAT(added, HasSubstr("+ 127.0.0.2:50051"));
  EXPECT_THAT(end.err, MatchesRegex("userctl: resolve users.test: UNAVAILABLE: [^\n]*SERVFAIL[^\n]*\n"));
  EXPECT_EQ(end.exit_status, 0);
}

TEST_F(UserctlResolveWatchTest, EndsWhenItsReaderGoes) {
  name_server_.Set(kHost, {.addresses = {"127.0.0.1"}}, NoAddress());
  Program watch = Watch(50051, {"--names-only"});

  watch.ReadLine();
  watch.CloseOutput();
  name_server_.Set(kHost, {.addresses = {"127.0.0.2"}}, NoAddress());

  EXPECT_EQ(watch.Wait().exit_status, 0);
}

TEST_F(UserctlResolveWatchTest, EndsDuringALookupThatHangs) {
  name_server_.Set(kHost, Silence(), Silence());
  Program watch = Watch(50051, {}, /*timeout=*/"600s");
  AwaitQueries(1);

  watch.Signal(SIGINT);

  EXPECT_EQ(watch.Wait().exit_status, 0);
}

}  // namespace
}  // namespace userclient::testing
