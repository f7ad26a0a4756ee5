// A client that gets another service config while it is in use.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

/// One compartment for GetUser with these limits.
std::string ReadsConfig(const std::string& limits, const std::string& more = {}) {
  return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s"}])", more,
                      R"(, "userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService", "method": "GetUser"}])",
                      limits.empty() ? "" : ", ", limits, "}]}}");
}

std::string BreakerJson(int minimum_calls) {
  return absl::StrCat(R"("circuitBreaker": {"minimumCalls": )", minimum_calls,
                      R"(, "failureRatio": 0.5, "openDuration": "1000s", "maxOpenDuration": "1000s"})");
}

/// From 20 seats on; a window with a call that was turned away costs a tenth of them.
constexpr char kAdaptive[] =
    R"("adaptiveLimit": {"algorithm": "aimd", "initialLimit": 20, "window": "0.1s", "minimumSamples": 1})";

class ReloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  /// Reads its config from a file.
  void ConnectWithFile(const std::string& config, std::chrono::nanoseconds interval) {
    file_ = directory_.Write("service_config.json", config);
    const auto listen = [this](const ClientEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(Describe(event));
    };
    absl::StatusOr<UserClient> client = UserClient::Create({.target = server_->address(),
                                                            .credentials = Credentials::Insecure(),
                                                            .service_config_file = file_,
                                                            .file_check_interval = interval,
                                                            .on_event = listen});
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  void Connect(const std::string& config) { client_.emplace(ConnectTo(server_->address(), config)); }

  absl::Status SetConfig(const std::string& json) {
    const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(json);
    return config.ok() ? client_->SetConfig(*config) : config.status();
  }

  absl::Status GetUser(const CallOptions& options = {}) { return client_->GetUser(AskFor("u-1"), options).status(); }

  /// Under way. It ends after the window that the call before it began.
  PendingCall<user::v1::GetUserResponse> CallThatLowersTheLimit() {
    server_->Script("GetUser", {Fail(StatusCode::kResourceExhausted).WithDelay(500ms)});
    auto pending = client_->GetUserAsync(AskFor("u-1"));
    EXPECT_TRUE(server_->AwaitAttempts("GetUser", 2));
    return pending;
  }

  std::optional<int> LimitOfReads() {
    const ClientSnapshot snapshot = client_->Snapshot();
    const auto reads = std::find_if(snapshot.compartments.begin(), snapshot.compartments.end(),
                                    [](const CompartmentSnapshot& compartment) { return compartment.name == "reads"; });
    return reads->limit;
  }

  std::vector<std::string> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

  bool Told(const std::string& beginning) {
    return Eventually([&] {
      const std::vector<std::string> told = events();
      return std::any_of(told.begin(), told.end(), [&](const std::string& event) { return event.starts_with(beginning); });
    });
  }

  TemporaryDirectory directory_;
  std::filesystem::path file_;
  std::optional<FlakyUserServer> server_;
  std::mutex mutex_;
  std::vector<std::string> events_;
  std::optional<UserClient> client_;
};

TEST_F(ReloadTest, CallsThatBeginLaterGoByTheNewConfig) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  Connect(NoRetryConfig());
  EXPECT_EQ(GetUser().code(), StatusCode::kUnavailable);
  EXPECT_EQ(server_->attempts("GetUser"), 1);

  ASSERT_EQ(SetConfig(RetryConfig({.max_attempts = 3})), absl::OkStatus());

  EXPECT_EQ(GetUser().code(), StatusCode::kUnavailable);
  EXPECT_EQ(server_->attempts("GetUser"), 4);
}

TEST_F(ReloadTest, ACallUnderWayFinishesByTheConfigThatItBeganWith) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).WithDelay(300ms).Times(2), Ok()});
  Connect(RetryConfig({.max_attempts = 3}));
  auto pending = client_->GetUserAsync(AskFor("u-1"));
  auto blocking = std::async(std::launch::async, [&] { return client_->GetUser(AskFor("u-1")).status(); });
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 2));

  ASSERT_EQ(SetConfig(NoRetryConfig()), absl::OkStatus());

  EXPECT_TRUE(std::move(pending).Get().ok());
  EXPECT_EQ(blocking.get(), absl::OkStatus());
}

TEST_F(ReloadTest, AConfigThatCannotBeUsedChangesNothing) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  Connect(RetryConfig({.max_attempts = 2}));

  const absl::Status status =
      SetConfig(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUsr"}], "timeout": "1s"}]})");

  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), StartsWith("methodConfig[0].name[0]"));
  EXPECT_EQ(GetUser().code(), StatusCode::kUnavailable);
  EXPECT_EQ(server_->attempts("GetUser"), 2);
}

TEST_F(ReloadTest, AConfigThatTheProgramHasSpoiltIsRefusedAsAFileWouldBe) {
  Connect(ReadsConfig(BreakerJson(2)));
  ServiceConfig config = *ServiceConfig::Parse(ReadsConfig(BreakerJson(2)));
  config.bulkheads[0].circuit_breaker->window = 0s;

  const absl::Status status = client_->SetConfig(config);

  EXPECT_EQ(status, absl::InvalidArgumentError("userclient.bulkheads[0].circuitBreaker.window: must be at least 0.1s"));
  EXPECT_EQ(UserClient::CheckConfig(config), status);
  EXPECT_EQ(GetUser(), absl::OkStatus());
}

TEST_F(ReloadTest, AnOpenCircuitStaysOpenWhenItsNumbersChange) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  Connect(ReadsConfig(BreakerJson(2)));
  EXPECT_FALSE(GetUser().ok());
  EXPECT_FALSE(GetUser().ok());
  ASSERT_EQ(RejectionOf(GetUser()), Rejection::kCircuitOpen);

  ASSERT_EQ(SetConfig(ReadsConfig(BreakerJson(5))), absl::OkStatus());

  EXPECT_EQ(RejectionOf(GetUser()), Rejection::kCircuitOpen);
  EXPECT_EQ(server_->attempts("GetUser"), 2);
}

TEST_F(ReloadTest, ACallThatBeganBeforeIsNotRefusedForWhatTheOldBreakerKnew) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  const auto config = [](int minimum_calls) {
    return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s", )",
                        RetryPolicyJson({.max_attempts = 2, .initial_backoff = "6s", .max_backoff = "6s"}),
                        R"(}], "userclient": {"bulkheads": [{"name": "reads",
        "methods": [{"service": "user.v1.UserService", "method": "GetUser"}], )",
                        BreakerJson(minimum_calls), "}]}}");
  };
  Connect(config(1));
  auto pending = client_->GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));
  ASSERT_TRUE(Eventually([&] { return RejectionOf(GetUser({.timeout = 10ms})) == Rejection::kCircuitOpen; }));
  server_->ScriptRepeatedly("GetUser", {Ok()});

  ASSERT_EQ(SetConfig(config(5)), absl::OkStatus());
  ASSERT_EQ(client_->OverrideCircuit("reads", CircuitOverride::kClosed), absl::OkStatus());

  EXPECT_TRUE(std::move(pending).Get().ok());
}

TEST_F(ReloadTest, FailuresBeforeCountAfter) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  Connect(ReadsConfig(BreakerJson(100)));
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(GetUser().ok());

  ASSERT_EQ(SetConfig(ReadsConfig(BreakerJson(10))), absl::OkStatus());

  EXPECT_EQ(GetUser().code(), StatusCode::kUnavailable);
  EXPECT_EQ(RejectionOf(GetUser()), Rejection::kCircuitOpen);
}

TEST_F(ReloadTest, ACircuitWithoutABreakerIsClosed) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  Connect(ReadsConfig(BreakerJson(1)));
  EXPECT_FALSE(GetUser().ok());
  ASSERT_EQ(RejectionOf(GetUser()), Rejection::kCircuitOpen);

  ASSERT_EQ(SetConfig(ReadsConfig("")), absl::OkStatus());

  EXPECT_EQ(RejectionOf(GetUser()), std::nullopt);
}

TEST_F(ReloadTest, CallsInFlightKeepTheirSeats) {
  server_->ScriptRepeatedly("GetUser", {Hang()});
  Connect(ReadsConfig(R"("maxConcurrentCalls": 3)"));
  auto first = client_->GetUserAsync(AskFor("u-1"));
  auto second = client_->GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 2));

  ASSERT_EQ(SetConfig(ReadsConfig(R"("maxConcurrentCalls": 2)")), absl::OkStatus());

  EXPECT_EQ(RejectionOf(GetUser()), Rejection::kBulkheadFull);
  first.Cancel();
  EXPECT_EQ(std::move(first).Get().status().code(), StatusCode::kCancelled);
  auto third = client_->GetUserAsync(AskFor("u-1"));
  EXPECT_TRUE(server_->AwaitAttempts("GetUser", 3));
}

TEST_F(ReloadTest, ACallThatBeganBeforeMovesNoLimitThatIsNotItsOwn) {
  Connect(ReadsConfig(kAdaptive));
  // A round trip that counts: one below a tenth of a millisecond is no work.
  server_->Script("GetUser", {Delay(5ms)});
  ASSERT_EQ(GetUser(), absl::OkStatus());
  auto before = CallThatLowersTheLimit();

  ASSERT_EQ(SetConfig(ReadsConfig(R"("maxConcurrentCalls": 3)")), absl::OkStatus());

  EXPECT_EQ(std::move(before).Get().status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(LimitOfReads(), 3);
}

TEST_F(ReloadTest, ACallThatBeganBeforeMovesALimitThatGoesOn) {
  Connect(ReadsConfig(kAdaptive));
  // A round trip that counts: one below a tenth of a millisecond is no work.
  server_->Script("GetUser", {Delay(5ms)});
  ASSERT_EQ(GetUser(), absl::OkStatus());
  auto before = CallThatLowersTheLimit();

  ASSERT_EQ(SetConfig(ReadsConfig(absl::StrCat(kAdaptive, R"(, "maxWait": "1s")"))), absl::OkStatus());

  EXPECT_EQ(std::move(before).Get().status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(LimitOfReads(), 18);
}

TEST_F(ReloadTest, TheThrottleIsAsFullAsBefore) {
  const auto config = [](int tokens) {
    return RetryConfig({.max_attempts = 2},
                       absl::StrCat(R"(, "retryThrottling": {"maxTokens": )", tokens, R"(, "tokenRatio": 0.001})"));
  };
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  Connect(config(10));
  while (server_->attempts("GetUser") < 5) EXPECT_FALSE(GetUser().ok());
  const int64_t before = server_->attempts("GetUser");

  ASSERT_EQ(SetConfig(config(100)), absl::OkStatus());

  CallReport report;
  EXPECT_EQ(GetUser({.report = &report}).code(), StatusCode::kUnavailable);
  EXPECT_EQ(report.end, CallEnd::kThrottled);
  EXPECT_EQ(server_->attempts("GetUser"), before + 1);
}

TEST_F(ReloadTest, ConnectionsSurvive) {
  Connect(ReadsConfig(R"("channels": 2)"));
  ASSERT_TRUE(client_->WaitReady(30s));
  const int before = ConnectionsTo(server_->port());

  ASSERT_EQ(SetConfig(ReadsConfig(R"("channels": 2, "maxConcurrentCalls": 10)")), absl::OkStatus());

  for (int i = 0; i < 10; ++i) EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_EQ(ConnectionsTo(server_->port()), before);
}

TEST_F(ReloadTest, CompartmentsComeAndGo) {
  Connect(NoRetryConfig());
  ASSERT_EQ(GetUser(), absl::OkStatus());
  ASSERT_TRUE(client_->WaitReady(30s));
  ASSERT_TRUE(Eventually([&] { return ConnectionsTo(server_->port()) == 1; }));

  ASSERT_EQ(SetConfig(ReadsConfig(R"("channels": 3)")), absl::OkStatus());
  ASSERT_TRUE(client_->WaitReady(30s));
  EXPECT_TRUE(Eventually([&] { return ConnectionsTo(server_->port()) == 4; }));
  CallReport report;
  EXPECT_EQ(GetUser({.report = &report}), absl::OkStatus());
  EXPECT_EQ(report.compartment, "reads");

  ASSERT_EQ(SetConfig(NoRetryConfig()), absl::OkStatus());
  EXPECT_EQ(GetUser({.report = &report}), absl::OkStatus());
  EXPECT_EQ(report.compartment, "default");
  EXPECT_TRUE(Eventually([&] { return ConnectionsTo(server_->port()) == 1; })) << ConnectionsTo(server_->port());
}

TEST_F(ReloadTest, FailsNoCallUnderLoad) {
  Connect(ReadsConfig(BreakerJson(1000)));
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  std::atomic<int> failures{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&, asynchronous = i % 2 == 0] {
      while (!stop) {
        const bool ok = asynchronous ? client_->GetUserAsync(AskFor("u-1")).Get().ok() : GetUser().ok();
        if (!ok) ++failures;
        ++calls;
      }
    });
  }

  for (int i = 0; i < 100; ++i) {
    const std::string limits =
        absl::StrCat(BreakerJson(1000 + i), R"(, "channels": )", 1 + i % 3, R"(, "maxConcurrentCalls": )", 10 + i % 7);
    EXPECT_EQ(SetConfig(i % 10 == 9 ? NoRetryConfig() : ReadsConfig(limits)), absl::OkStatus());
  }
  EXPECT_TRUE(Eventually([&] { return calls >= 200; }));
  stop = true;
  for (std::thread& caller : callers) caller.join();

  EXPECT_EQ(failures, 0) << "of " << calls;
}

// ---- From the file

TEST_F(ReloadTest, AChangedFileTakesEffectByItself) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  ConnectWithFile(NoRetryConfig(), 10ms);
  EXPECT_FALSE(GetUser().ok());
  ASSERT_EQ(server_->attempts("GetUser"), 1);

  directory_.Replace("service_config.json", RetryConfig({.max_attempts = 3}));

  ASSERT_TRUE(Told(absl::StrCat("config reloaded: ", file_.string(), " is version 2")));
  EXPECT_FALSE(GetUser().ok());
  EXPECT_EQ(server_->attempts("GetUser"), 4);
}

TEST_F(ReloadTest, AFileThatIsWrittenAnewWithTheSameContentIsNoChange) {
  ConnectWithFile(NoRetryConfig(), 10ms);

  directory_.Replace("service_config.json", NoRetryConfig());
  std::filesystem::last_write_time(file_, std::filesystem::file_time_type::clock::now() + 10s);
  directory_.Write("other.json", RetryConfig());
  std::filesystem::rename(directory_ / "other.json", file_);

  ASSERT_TRUE(Told("config reloaded"));
  const std::vector<std::string> told = events();
  EXPECT_EQ(std::count_if(told.begin(), told.end(), [](const std::string& e) { return e.starts_with("config"); }), 1);
}

TEST_F(ReloadTest, ABadFileChangesNothingAndIsReportedOnce) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  ConnectWithFile(RetryConfig({.max_attempts = 2}), 10ms);

  directory_.Replace("service_config.json", R"({"methodConfig": [{"name": [{}], "timeout": "soon"}]})");

  ASSERT_TRUE(Told(absl::StrCat("config refused: ", file_.string())));
  EXPECT_FALSE(GetUser().ok());
  EXPECT_EQ(server_->attempts("GetUser"), 2);
  // Told again only when it is another content.
  directory_.Replace("service_config.json", "{");
  ASSERT_TRUE(Eventually([&] { return events().size() == 2; }));
  EXPECT_THAT(events()[0], HasSubstr("methodConfig[0].timeout"));
  directory_.Replace("service_config.json", NoRetryConfig());
  ASSERT_TRUE(Told("config reloaded"));
}

TEST_F(ReloadTest, AFileThatIsGoneChangesNothing) {
  ConnectWithFile(NoRetryConfig(), 10ms);

  std::filesystem::remove(file_);

  ASSERT_TRUE(Told(absl::StrCat("config refused: ", file_.string())));
  EXPECT_EQ(GetUser(), absl::OkStatus());
}

TEST_F(ReloadTest, AnIntervalWithoutAnEndIsNever) {
  ConnectWithFile(NoRetryConfig(), std::chrono::nanoseconds::max());
  const absl::StatusOr<UserClient> other = UserClient::Create({.target = server_->address(),
                                                               .credentials = Credentials::Insecure(),
                                                               .service_config_file = file_,
                                                               .file_check_interval = 10ms});
  ASSERT_TRUE(other.ok()) << other.status();

  directory_.Replace("service_config.json", RetryConfig());
  ASSERT_TRUE(Eventually([&] { return other->Snapshot().config_version == 2; }));
  directory_.Replace("service_config.json", NoRetryConfig());
  ASSERT_TRUE(Eventually([&] { return other->Snapshot().config_version == 3; }));

  EXPECT_EQ(client_->Snapshot().config_version, 1);
}

TEST_F(ReloadTest, ByCallTheFileIsReadAtOnce) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  ConnectWithFile(NoRetryConfig(), 0ns);
  directory_.Replace("service_config.json", RetryConfig({.max_attempts = 3}));

  ASSERT_EQ(client_->Reload(), absl::OkStatus());

  EXPECT_FALSE(GetUser().ok());
  EXPECT_EQ(server_->attempts("GetUser"), 3);
}

TEST_F(ReloadTest, ByCallABadFileIsAnError) {
  ConnectWithFile(NoRetryConfig(), 0ns);
  directory_.Replace("service_config.json", "{");

  EXPECT_THAT(std::string(client_->Reload().message()), HasSubstr(file_.string()));
}

TEST_F(ReloadTest, WithoutAFileThereIsNothingToReload) {
  Connect(NoRetryConfig());

  EXPECT_EQ(client_->Reload().code(), StatusCode::kFailedPrecondition);
}

TEST_F(ReloadTest, AClientThatIsShutDownChangesNoMore) {
  Connect(NoRetryConfig());
  client_->Shutdown(0ns);

  EXPECT_EQ(SetConfig(RetryConfig()), absl::FailedPreconditionError("the client has been shut down"));
}

TEST_F(ReloadTest, TheListenerMayEndTheClient) {
  file_ = directory_.Write("service_config.json", NoRetryConfig());
  const auto ended = std::make_shared<std::promise<void>>();
  auto held = std::make_shared<std::optional<UserClient>>();
  absl::StatusOr<UserClient> client = UserClient::Create({.target = server_->address(),
                                                          .credentials = Credentials::Insecure(),
                                                          .service_config_file = file_,
                                                          .file_check_interval = 10ms,
                                                          .on_event = [held, ended, told = false](const ClientEvent&) mutable {
                                                            if (std::exchange(told, true)) return;
                                                            (*held)->Shutdown(10s);
                                                            held->reset();
                                                            ended->set_value();
                                                          }});
  ASSERT_TRUE(client.ok()) << client.status();
  held->emplace(*std::move(client));
  client = absl::UnknownError("handed over");

  directory_.Replace("service_config.json", RetryConfig());

  EXPECT_EQ(ended->get_future().wait_for(30s), std::future_status::ready);
}

TEST_F(ReloadTest, MayBeDestroyedWhileItReadsItsFile) {
  file_ = directory_.Write("service_config.json", ReadsConfig(R"("channels": 1)"));
  absl::Notification reading;
  absl::Notification being_destroyed;
  const auto make_channel = [&, made = 0](const grpc::ChannelArguments& arguments) mutable {
    if (++made == 3) {
      reading.Notify();
      being_destroyed.WaitForNotification();
    }
    return grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments);
  };
  absl::StatusOr<UserClient> client =
      UserClient::Create({.channel_factory = make_channel, .service_config_file = file_, .file_check_interval = 10ms});
  ASSERT_TRUE(client.ok()) << client.status();
  directory_.Replace("service_config.json", ReadsConfig(R"("channels": 60)"));
  ASSERT_TRUE(reading.WaitForNotificationWithTimeout(absl::Seconds(30)));

  const auto destroyed = std::async(std::launch::async, [&] {
    being_destroyed.Notify();
    client = absl::UnknownError("destroyed");
  });

  EXPECT_EQ(destroyed.wait_for(30s), std::future_status::ready);
}

TEST_F(ReloadTest, TheListenerMayEndTheClientWhileSomebodyElseDoes) {
  for (int i = 0; i < 20; ++i) {
    std::optional<UserClient> held;
    absl::Notification told;
    absl::Notification ending;
    absl::StatusOr<UserClient> client = UserClient::Create({.target = server_->address(),
                                                            .credentials = Credentials::Insecure(),
                                                            .on_event = [&, before = false](const ClientEvent&) mutable {
                                                              if (std::exchange(before, true)) return;
                                                              told.Notify();
                                                              ending.WaitForNotification();
                                                              held->Shutdown(10s);
                                                            }});
    ASSERT_TRUE(client.ok()) << client.status();
    held.emplace(*client);
    ASSERT_EQ(client->SetConfig(ServiceConfig::Default()), absl::OkStatus());
    ASSERT_TRUE(told.WaitForNotificationWithTimeout(absl::Seconds(30)));

    const auto ended = std::async(std::launch::async, [&] {
      ending.Notify();
      return client->Shutdown(10s);
    });

    ASSERT_EQ(ended.wait_for(30s), std::future_status::ready);
  }
}

}  // namespace
}  // namespace userclient::testing
