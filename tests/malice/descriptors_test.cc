// A process that has run out of file descriptors: errors and no crash, and all is well when there are some again.

#include <gmock/gmock.h>
#include <grpc/grpc.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/malice/descriptor_shortage.h"
#include "tests/malice/faces.h"
#include "tests/malice/malices.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;

const auto kFaces = {Face::kBlocking, Face::kAsync, Face::kStream};

/// A server in a process of its own, which keeps its descriptors.
class Server {
 public:
  explicit Server(const std::string& listen_address = "127.0.0.1:0")
      : program_({USER_SERVER_PROGRAM, "--listen", listen_address, "--seed-users", "3", "--log", "none"}) {
    const std::string prefix = "listening on ";
    const std::string line = program_.ReadLine();
    EXPECT_TRUE(line.starts_with(prefix)) << line;
    address_ = line.substr(std::min(prefix.size(), line.size()));
  }

  const std::string& address() const { return address_; }

 private:
  Program program_;
  std::string address_;
};

TEST(DescriptorsTest, WithoutThemTheFirstClientOfAProcessIsRefusedAndTheNextOneIsNot) {
  // Of gRPC: what a test before this one has left ends by and by.
  ASSERT_TRUE(Eventually([] { return grpc_is_initialized() == 0; }));
  for (const int spare : {0, 1, 2, 3}) {
    std::optional<DescriptorShortage> shortage(std::in_place, spare);

    const absl::StatusOr<UserClient> refused =
        UserClient::Create({.target = "127.0.0.1:1", .credentials = Credentials::Insecure()});
    shortage.reset();

    EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted) << refused.status();
  }
  EXPECT_TRUE(UserClient::Create({.target = "127.0.0.1:1", .credentials = Credentials::Insecure()}).ok());
}

TEST(DescriptorsTest, CallsOverAConnectionThatIsThereNeedNoMore) {
  const Server server;
  const UserClient client = ConnectTo(server.address());
  ASSERT_TRUE(client.WaitReady(kPatience));

  const DescriptorShortage shortage;

  for (const Face face : kFaces) EXPECT_EQ(CallOver(face, client, kPatience), absl::OkStatus()) << NameOf(face);
}

/// How many descriptors there are still.
class FewDescriptorsTest : public ::testing::TestWithParam<int> {};

TEST_P(FewDescriptorsTest, CallsWithoutAConnectionEndByTheirDeadlineAndConnectLater) {
  const Server server;
  const UserClient other = ConnectTo(server.address());
  ASSERT_TRUE(other.WaitReady(kPatience));
  // Each of its compartments connects by itself.
  const absl::StatusOr<UserClient> client =
      UserClient::Create({.target = server.address(), .credentials = Credentials::Insecure()});
  ASSERT_TRUE(client.ok()) << client.status();

  {
    const DescriptorShortage shortage(GetParam());
    for (const Face face : kFaces) {
      const auto began = std::chrono::steady_clock::now();
      const absl::Status status = CallOver(face, *client, kDeadline);
      EXPECT_THAT(status.code(), ::testing::AnyOf(StatusCode::kOk, StatusCode::kUnavailable, StatusCode::kDeadlineExceeded))
          << status;
      EXPECT_LT(std::chrono::steady_clock::now() - began, kDeadline + kGrace) << NameOf(face);
    }
  }

  for (const Face face : kFaces) EXPECT_TRUE(Eventually([&] { return CallOver(face, *client, 1s).ok(); })) << NameOf(face);
}

INSTANTIATE_TEST_SUITE_P(, FewDescriptorsTest, ::testing::Values(0, 1, 2, 3));

TEST(DescriptorsTest, ALostConnectionIsMadeAgainOnceThereAreSome) {
  std::optional<Server> server(std::in_place);
  const std::string address = server->address();
  const UserClient client = ConnectTo(address);
  ASSERT_TRUE(client.WaitReady(kPatience));
  server.reset();
  server.emplace(address);
  {
    // Whatever has become free.
    const DescriptorShortage shortage;
    for (const Face face : kFaces) CallOver(face, client, kDeadline).IgnoreError();
  }

  for (const Face face : kFaces) EXPECT_TRUE(Eventually([&] { return CallOver(face, client, 1s).ok(); })) << NameOf(face);
}

TEST(DescriptorsTest, AClientCanBeMadeAndConnectsLater) {
  const Server server;
  const UserClient other = ConnectTo(server.address());
  ASSERT_TRUE(other.WaitReady(kPatience));
  std::optional<DescriptorShortage> shortage(std::in_place);

  const UserClient client = ConnectTo(server.address());
  const absl::Status while_short = CallOver(Face::kBlocking, client, kDeadline);
  const bool ready_while_short = client.WaitReady(kDeadline);
  shortage.reset();

  EXPECT_FALSE(while_short.ok());
  EXPECT_FALSE(ready_while_short);
  EXPECT_TRUE(client.WaitReady(kPatience));
  EXPECT_EQ(CallOver(Face::kBlocking, client, kPatience), absl::OkStatus());
}

TEST(DescriptorsTest, ANameIsLookedUpLater) {
  const Server server;
  const UserClient other = ConnectTo(server.address());
  ASSERT_TRUE(other.WaitReady(kPatience));
  std::optional<DescriptorShortage> shortage(std::in_place);

  const std::string port = server.address().substr(server.address().rfind(':'));
  const UserClient client = ConnectTo("dns:///localhost" + port);
  const absl::Status while_short = CallOver(Face::kBlocking, client, kDeadline);
  shortage.reset();

  EXPECT_FALSE(while_short.ok());
  EXPECT_TRUE(Eventually([&] { return CallOver(Face::kBlocking, client, 1s).ok(); }));
}

auto IsAboutDescriptorsFor(const std::filesystem::path& file) {
  return ::testing::AllOf(::testing::HasSubstr(file.string()), ::testing::HasSubstr("Too many open files"));
}

/// The files of a client that has some, and what it tells.
class WatchedClientTest : public ::testing::Test {
 protected:
  WatchedClientTest() {
    files_.Write("config.json", RetryConfig());
    files_.Write("ca.pem", authority_.certificate());
  }

  absl::StatusOr<UserClient> Create() {
    return UserClient::Create({.target = "127.0.0.1:1",
                               .credentials = Credentials::Tls({.root_certificates = files_ / "ca.pem"}),
                               .service_config_file = files_ / "config.json",
                               .file_check_interval = kCheckInterval,
                               .on_event = [this](const ClientEvent& event) {
                                 const std::lock_guard lock(mutex_);
                                 events_.push_back(event);
                               }});
  }

  int CountOf(ClientEvent::Kind kind) {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(
        std::count_if(events_.begin(), events_.end(), [kind](const ClientEvent& event) { return event.kind == kind; }));
  }

  static constexpr auto kCheckInterval = 20ms;
  TemporaryDirectory files_;

 private:
  CertificateAuthority authority_{"authority"};
  std::mutex mutex_;
  std::vector<ClientEvent> events_;
};

TEST_F(WatchedClientTest, CreateNamesTheFileThatItCannotRead) {
  std::optional<DescriptorShortage> shortage(std::in_place);

  const absl::StatusOr<UserClient> refused = Create();
  shortage.reset();
  const absl::StatusOr<UserClient> made = Create();

  EXPECT_THAT(refused.status().message(), IsAboutDescriptorsFor(files_ / "config.json"));
  EXPECT_TRUE(made.ok()) << made.status();
}

TEST_F(WatchedClientTest, ReloadNamesTheFileThatItCannotReadAndChangesNothing) {
  const absl::StatusOr<UserClient> client = Create();
  ASSERT_TRUE(client.ok()) << client.status();
  std::optional<DescriptorShortage> shortage(std::in_place);

  int version_before = 0;
  absl::Status refused;
  // The client's own look at its files may have had one open.
  EXPECT_TRUE(Eventually([&] {
    shortage->TakeTheRest();
    version_before = client->Snapshot().config_version;
    refused = client->Reload();
    return refused.message().find("config.json") != absl::string_view::npos;
  }));
  const int version = client->Snapshot().config_version;
  shortage.reset();
  const absl::Status reloaded = client->Reload();

  EXPECT_THAT(refused.message(), IsAboutDescriptorsFor(files_ / "config.json"));
  EXPECT_EQ(version, version_before);
  EXPECT_EQ(reloaded, absl::OkStatus());
}

TEST_F(WatchedClientTest, CertificatesThatCannotBeReadForAWhileAreNoNewOnes) {
  const absl::StatusOr<UserClient> client = Create();
  ASSERT_TRUE(client.ok()) << client.status();

  {
    DescriptorShortage shortage;
    EXPECT_TRUE(Eventually([&] {
      shortage.TakeTheRest();
      return CountOf(ClientEvent::Kind::kCredentialsRefused) > 0;
    }));
  }
  // Whoever has read the second has read the certificates before.
  for (const int attempts : {2, 3}) {
    const int told = CountOf(ClientEvent::Kind::kConfigReloaded);
    files_.Replace("config.json", RetryConfig({.max_attempts = attempts}));
    EXPECT_TRUE(Eventually([&] { return CountOf(ClientEvent::Kind::kConfigReloaded) > told; }));
  }

  EXPECT_EQ(CountOf(ClientEvent::Kind::kCredentialsReloaded), 0);
}

TEST_F(WatchedClientTest, AConfigThatCannotBeReadForAWhileIsNoNewVersion) {
  const absl::StatusOr<UserClient> client = Create();
  ASSERT_TRUE(client.ok()) << client.status();

  {
    DescriptorShortage shortage;
    EXPECT_TRUE(Eventually([&] {
      shortage.TakeTheRest();
      return CountOf(ClientEvent::Kind::kConfigRefused) > 0;
    }));
  }
  // Whoever has read this has read the config before.
  files_.Replace("ca.pem", CertificateAuthority("other").certificate());
  EXPECT_TRUE(Eventually([&] { return CountOf(ClientEvent::Kind::kCredentialsReloaded) > 0; }));

  EXPECT_EQ(client->Snapshot().config_version, 1);
  EXPECT_EQ(CountOf(ClientEvent::Kind::kConfigReloaded), 0);
}

}  // namespace
}  // namespace userclient::testing
