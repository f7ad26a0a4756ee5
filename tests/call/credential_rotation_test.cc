// Certificates and tokens that change while a client is in use.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/server/user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class CredentialRotationTest : public ::testing::Test {
 protected:
  CredentialRotationTest() {
    files_.Write("ca.pem", authority_.certificate());
    WriteServer(authority_);
    WriteClient(authority_);
  }

  void WriteServer(const CertificateAuthority& authority) {
    const IssuedCertificate issued = authority.Issue({.names = {"localhost"}, .addresses = {"127.0.0.1"}});
    files_.Replace("server.pem", issued.certificate);
    files_.Replace("server.key", issued.private_key);
  }

  void WriteClient(const CertificateAuthority& authority) {
    const IssuedCertificate issued = authority.Issue({.common_name = "client"});
    files_.Replace("client.pem", issued.certificate);
    files_.Replace("client.key", issued.private_key);
  }

  void StartServer(UserServerOptions options = {}) {
    options.seed_users = 1;
    options.tls = ServerTlsFiles{.certificate = files_ / "server.pem",
                                 .key = files_ / "server.key",
                                 .client_ca = options.token_file ? std::nullopt : std::optional(files_ / "ca.pem")};
    options.file_check_interval = 10ms;
    options.on_attempt = [this](const ReceivedAttempt& attempt) {
      const std::lock_guard lock(mutex_);
      peers_.insert(attempt.peer);
    };
    absl::StatusOr<std::unique_ptr<UserServer>> server = UserServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void Connect(const Credentials& credentials, const std::string& config = NoRetryConfig()) {
    const auto listen = [this](const ClientEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(Describe(event));
    };
    absl::StatusOr<UserClient> client = UserClient::Create({.target = server_->address(),
                                                            .credentials = credentials,
                                                            .service_config_json = config,
                                                            .file_check_interval = 10ms,
                                                            .on_event = listen});
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  Credentials MutualTls() const {
    return Credentials::MutualTls({.root_certificates = files_ / "ca.pem",
                                   .certificate_chain = files_ / "client.pem",
                                   .private_key = files_ / "client.key"});
  }

  absl::Status GetUser(const CallOptions& options = {}) { return client_->GetUser(AskFor("u-1"), options).status(); }

  int Told(const std::string& beginning) {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(
        std::count_if(events_.begin(), events_.end(), [&](const std::string& event) { return event.starts_with(beginning); }));
  }

  /// Calls all the time, and none may fail, until the channels have been renewed that often.
  bool CallUntilRenewed(int times) {
    return Eventually([&] {
      EXPECT_EQ(GetUser(), absl::OkStatus());
      return Told("channels renewed") >= times;
    });
  }

  /// Connections that calls have come over.
  size_t connections() {
    const std::lock_guard lock(mutex_);
    return peers_.size();
  }

  TemporaryDirectory files_;
  const CertificateAuthority authority_{"authority"};
  std::mutex mutex_;
  std::set<std::string> peers_;
  std::vector<std::string> events_;
  std::unique_ptr<UserServer> server_;
  std::optional<UserClient> client_;
};

TEST_F(CredentialRotationTest, ANewIdentityTakesThePlaceOfLivingConnectionsAndNoCallFails) {
  StartServer();
  Connect(MutualTls());
  ASSERT_EQ(GetUser(), absl::OkStatus());
  ASSERT_EQ(connections(), 1u);
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        if (!GetUser().ok()) ++failures;
      }
    });
  }

  for (int rotation = 1; rotation <= 3; ++rotation) {
    WriteClient(authority_);
    EXPECT_TRUE(Eventually([&] { return Told("channels renewed") >= rotation; }));
    EXPECT_TRUE(Eventually([&] { return connections() >= static_cast<size_t>(rotation) + 1; }));
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();

  EXPECT_EQ(failures, 0);
  EXPECT_TRUE(Eventually([&] { return ConnectionsTo(server_->port()) == 1; })) << "the old ones are gone";
}

TEST_F(CredentialRotationTest, AuthoritiesChangeWithoutAFailedCall) {
  StartServer();
  Connect(MutualTls());
  ASSERT_EQ(GetUser(), absl::OkStatus());
  const CertificateAuthority successor("successor");

  // The order that every handbook gives: first both are trusted, then the certificates change, then the old one is forgotten.
  files_.Replace("ca.pem", authority_.certificate() + successor.certificate());
  EXPECT_TRUE(CallUntilRenewed(1));
  WriteServer(successor);
  WriteClient(successor);
  EXPECT_TRUE(CallUntilRenewed(2));
  files_.Replace("ca.pem", successor.certificate());
  EXPECT_TRUE(CallUntilRenewed(3));

  EXPECT_EQ(GetUser(), absl::OkStatus());
}

TEST_F(CredentialRotationTest, WhatDoesNotFitTogetherChangesNothingAndIsReportedOnce) {
  StartServer();
  Connect(MutualTls());
  ASSERT_EQ(GetUser(), absl::OkStatus());

  files_.Replace("client.key", authority_.Issue({}).private_key);

  EXPECT_TRUE(Eventually([&] { return Told("credentials refused") == 1; }));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_EQ(connections(), 1u);
  EXPECT_EQ(Told("credentials refused"), 1);
  WriteClient(authority_);
  EXPECT_TRUE(Eventually([&] { return Told("credentials reloaded") == 1; }));
}

// A client cannot know that a server will not have its new certificate; it finds out before it gives up the old connection.
TEST_F(CredentialRotationTest, AnIdentityThatTheServerRefusesLeavesTheOldConnections) {
  StartServer();
  Connect(MutualTls());
  ASSERT_EQ(GetUser(), absl::OkStatus());

  WriteClient(CertificateAuthority("stranger"));

  EXPECT_TRUE(Eventually([&] { return Told("credentials reloaded") == 1; }));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_EQ(Told("channels renewed"), 0);
}

TEST_F(CredentialRotationTest, ByCallTheFilesAreReadAtOnce) {
  StartServer();
  Connect(MutualTls());
  files_.Replace("client.pem", "no certificate");

  const absl::Status status = client_->Reload();

  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("client.pem"));
}

// ---- Tokens

/// Both faces must behave alike.
enum class Face { kBlocking, kAsync };

class TokenRotationTest : public CredentialRotationTest, public ::testing::WithParamInterface<Face> {
 protected:
  void Start() { StartServer({.token_file = files_.Write("tokens", "second")}); }

  /// Fetches "first", then "second", then "third", ...
  Credentials Numbered() {
    return Credentials::Tls({.root_certificates = files_ / "ca.pem", .token_source = [this]() -> absl::StatusOr<BearerToken> {
                               static constexpr const char* kTokens[] = {"first", "second", "third", "fourth", "fifth"};
                               const int fetch = fetches_++;
                               return BearerToken{.text = kTokens[std::min(fetch, 4)]};
                             }});
  }

  absl::Status Call(const CallOptions& options = {}) {
    if (GetParam() == Face::kBlocking) return GetUser(options);
    return client_->GetUserAsync(AskFor("u-1"), options).Get().status();
  }

  std::atomic<int> fetches_{0};
};

TEST_P(TokenRotationTest, ARefusedTokenIsReplacedAndTheCallMadeAgain) {
  Start();
  Connect(Numbered());
  CallReport report;

  EXPECT_EQ(Call({.report = &report}), absl::OkStatus());

  ASSERT_EQ(report.attempts.size(), 2u);
  EXPECT_EQ(report.attempts[0].status.code(), StatusCode::kUnauthenticated);
  EXPECT_EQ(report.attempts[1].reason, AttemptReason::kFreshToken);
  EXPECT_EQ(fetches_, 2);
  EXPECT_EQ(Call({.report = &report}), absl::OkStatus());
  EXPECT_EQ(report.attempts.size(), 1u) << "the new one stays";
}

TEST_P(TokenRotationTest, ManyCallersFetchItOnce) {
  Start();
  Connect(Numbered());
  std::atomic<int> failures{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      if (!Call().ok()) ++failures;
    });
  }
  for (std::thread& caller : callers) caller.join();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(fetches_, 2);
}

TEST_P(TokenRotationTest, AServerThatRefusesEveryTokenIsAskedTwice) {
  Start();
  files_.Replace("tokens", "none-of-them");
  Connect(
      Credentials::Tls({.root_certificates = files_ / "ca.pem", .token_source = [] { return BearerToken{.text = "wrong"}; }}));
  ASSERT_TRUE(Eventually([&] { return Call().code() == StatusCode::kUnauthenticated; }));
  CallReport report;

  EXPECT_EQ(Call({.report = &report}).code(), StatusCode::kUnauthenticated);

  EXPECT_LE(report.attempts.size(), 2u);
}

TEST_P(TokenRotationTest, ItIsNoRetryOfThePolicy) {
  Start();
  Connect(Numbered(), RetryConfig({.max_attempts = 2}, R"(, "retryThrottling": {"maxTokens": 1, "tokenRatio": 0.001})"));
  CallReport report;

  EXPECT_EQ(Call({.report = &report}), absl::OkStatus());

  EXPECT_EQ(report.attempts.size(), 2u);
}

TEST_P(TokenRotationTest, NoReportShowsIt) {
  Start();
  Connect(Credentials::Tls(
      {.root_certificates = files_ / "ca.pem", .token_source = [] { return BearerToken{.text = "very-secret"}; }}));

  const absl::Status status = Call();

  EXPECT_EQ(status.code(), StatusCode::kUnauthenticated);
  EXPECT_EQ(status.ToString().find("very-secret"), std::string::npos);
  ASSERT_TRUE(ReportOf(status));
  EXPECT_EQ(Explain(*ReportOf(status)).find("very-secret"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Faces, TokenRotationTest, ::testing::Values(Face::kBlocking, Face::kAsync),
                         [](const auto& face) { return face.param == Face::kBlocking ? "Blocking" : "Async"; });

}  // namespace
}  // namespace userclient::testing
