// Connections that a server never lets come about, or ends at once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "tests/malice/behaviours.h"
#include "tests/malice/faces.h"
#include "tests/malice/malices.h"
#include "tests/malice/malicious_server.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/server/user_server.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;

class Handshake {
 public:
  Handshake() {
    const IssuedCertificate issued = authority_.Issue({.addresses = {"127.0.0.1"}});
    files_.Write("server.pem", issued.certificate);
    files_.Write("server.key", issued.private_key);
    files_.Write("ca.pem", authority_.certificate());
  }

  UserClient Connect(const std::string& address) const {
    absl::StatusOr<UserClient> client =
        UserClient::Create({.target = address,
                            .credentials = Credentials::Tls({.root_certificates = files_ / "ca.pem"}),
                            .service_config_json = RetryConfig()});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  auto StartHealthyServer(const std::string& address) const {
    return UserServer::Start({.listen_address = address,
                              .seed_users = 3,
                              .seed_activity = 3,
                              .tls = ServerTlsFiles{.certificate = files_ / "server.pem", .key = files_ / "server.key"}});
  }

 private:
  TemporaryDirectory files_;
  CertificateAuthority authority_{"authority"};
};

struct Stall {
  std::string name{};
  MaliciousServer::Behaviour behaviour{};
};

void PrintTo(const Stall& stall, std::ostream* out) { *out << stall.name; }

/// What a server of TLS 1.3 begins with: a record of 16 KiB that holds a ServerHello.
std::string BeginningOfAServerHello() {
  return std::string("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03", 11) + std::string(32, 'r');
}

class HandshakeTest : public ::testing::TestWithParam<std::tuple<Stall, Face>> {};

TEST_P(HandshakeTest, ThatStallsCostsNoCallMoreThanItsDeadline) {
  const Face face = std::get<1>(GetParam());
  const Handshake tls;
  std::optional<MaliciousServer> server(std::in_place, std::get<0>(GetParam()).behaviour);
  const std::string address = server->address();
  const UserClient client = tls.Connect(address);
  const auto began = std::chrono::steady_clock::now();

  const absl::Status status = CallOver(face, client, kDeadline);
  const auto called = std::chrono::steady_clock::now();
  const bool ready = client.WaitReady(kDeadline);

  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << status;
  EXPECT_LT(called - began, kDeadline + kGrace);
  EXPECT_FALSE(ready);
  EXPECT_LT(std::chrono::steady_clock::now() - called, kDeadline + kGrace);

  server.reset();
  const auto healthy = tls.StartHealthyServer(address);
  ASSERT_TRUE(healthy.ok()) << healthy.status();
  EXPECT_TRUE(Eventually([&] { return CallOver(face, client, 1s).ok(); }));
  EXPECT_TRUE(client.WaitReady(kPatience));
}

INSTANTIATE_TEST_SUITE_P(
    , HandshakeTest,
    ::testing::Combine(
        ::testing::Values(Stall{.name = "Silence", .behaviour = [](MaliciousConnection& client) { client.Linger(); }},
                          Stall{.name = "OneByteASecond",
                                .behaviour = [](MaliciousConnection& client) { client.Drip(BeginningOfAServerHello(), 1s); }}),
        ::testing::Values(Face::kBlocking, Face::kAsync, Face::kStream)),
    [](const auto& test) { return std::get<0>(test.param).name + NameOf(std::get<1>(test.param)); });

TEST(ReconnectTest, WaitsLongerAndLongerWhileConnectionsAreClosedAtTheirPreface) {
  const MaliciousServer server([](MaliciousConnection& client) { client.AwaitPreface(); });
  const UserClient client = ConnectTo(server.address());
  const auto began = std::chrono::steady_clock::now();
  // Longer only where it takes longer to connect three times.
  const auto enough = [&] { return std::chrono::steady_clock::now() - began > 2s && server.connections() >= 3; };

  EXPECT_TRUE(Eventually([&] {
    EXPECT_FALSE(CallOver(Face::kBlocking, client, 1s).ok());
    return enough();
  }));

  // After 100 ms, 160 ms, 256 ms, ... give or take a fifth: six of them; not one for each of some hundred calls.
  EXPECT_THAT(server.connections(), ::testing::AllOf(::testing::Ge(3), ::testing::Le(10)));
}

class RefusedStreamTest : public ::testing::TestWithParam<Face> {};

TEST_P(RefusedStreamTest, IsTriedAgainNoMoreOftenThanTheCallMay) {
  std::atomic<int> requests{0};
  const MaliciousServer server([&requests](MaliciousConnection& client) {
    while (const std::optional<uint32_t> stream = client.AwaitRequest()) {
      ++requests;
      if (!client.Send(RstStream(*stream, 7))) return;
    }
  });
  const UserClient client = ConnectTo(server.address(), RetryConfig({.max_attempts = 3}));

  const absl::Status status = CallOver(GetParam(), client, kPatience);

  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  // gRPC may try each attempt once more by itself. A stream is resumed as often as the config's resumption says, by default 6
  // times.
  const int attempts = GetParam() == Face::kStream ? 7 : 3;
  EXPECT_THAT(requests.load(), ::testing::AllOf(::testing::Ge(attempts), ::testing::Le(2 * attempts)));
}

INSTANTIATE_TEST_SUITE_P(, RefusedStreamTest, ::testing::Values(Face::kBlocking, Face::kAsync, Face::kStream),
                         [](const auto& test) { return NameOf(test.param); });

}  // namespace
}  // namespace userclient::testing
