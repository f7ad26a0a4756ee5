// A client follows the addresses behind a name.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

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
#include "tests/support/scripted_name_server.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using user::v1::UserService;
using namespace std::chrono_literals;

constexpr char kName[] = "users.cluster.test";

std::string ConfigThatLooks(const std::string& every) {
  return absl::StrCat(R"({"loadBalancingConfig": [{"round_robin": {}}],
      "methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s"}],
      "userclient": {"dnsRefresh": ")",
                      every, R"("}})");
}

class EndpointsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // One port, as the pods of a headless service have it; a port that is free at one address may be taken at another.
    for (int tries = 0; tries < 20 && servers_.size() < 3; ++tries) {
      servers_.clear();
      int port = 0;
      for (int i = 0; i < 3; ++i) {
        absl::StatusOr<FlakyUserServer> server =
            FlakyUserServer::Start({.seed_users = 1, .listen_address = absl::StrCat(AddressOf(i), ":", port)});
        if (!server.ok()) break;
        port = server->port();
        servers_.push_back(std::make_unique<FlakyUserServer>(*std::move(server)));
      }
    }
    ASSERT_EQ(servers_.size(), 3u);
  }

  static std::string AddressOf(int server) { return absl::StrCat("127.0.0.", 2 + server); }
  std::string target() const { return absl::StrCat("dns://", names_.authority(), "/", kName, ":", servers_[0]->port()); }

  void PointTo(const std::vector<int>& servers) {
    DnsReply reply;
    for (int server : servers) reply.addresses.push_back(AddressOf(server));
    names_.Set(kName, reply, NoAddress());
  }

  void Connect(const std::string& every = "0.1s") {
    const auto listen = [this](const ClientEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
    absl::StatusOr<UserClient> client = UserClient::Create({.target = target(),
                                                            .credentials = Credentials::Insecure(),
                                                            .service_config_json = ConfigThatLooks(every),
                                                            .on_event = listen});
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  absl::Status GetUser() { return client_->GetUser(AskFor("u-1")).status(); }

  int Told(ClientEvent::Kind kind) {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(events_.begin(), events_.end(), [&](const auto& event) { return event.kind == kind; }));
  }

  /// Calls until the server has been called that often.
  bool CallUntil(int server, int64_t attempts) {
    return Eventually([&] {
      EXPECT_EQ(GetUser(), absl::OkStatus());
      return servers_[static_cast<size_t>(server)]->attempts("GetUser") >= attempts;
    });
  }

  int64_t AttemptsAt(int server) const { return servers_[static_cast<size_t>(server)]->attempts("GetUser"); }

  ScriptedNameServer names_;
  std::vector<std::unique_ptr<FlakyUserServer>> servers_;
  std::mutex mutex_;
  std::vector<ClientEvent> events_;
  std::optional<UserClient> client_;
};

// What plain gRPC does with the same name and the same policy stands beside it.
TEST_F(EndpointsTest, ANewServerIsCalledSoonAndByPlainGrpcNever) {
  PointTo({0, 1});
  Connect();
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  const auto plain = UserService::NewStub(grpc::CreateCustomChannel(target(), grpc::InsecureChannelCredentials(), arguments));
  const auto call_plainly = [&] {
    grpc::ClientContext context;
    user::v1::GetUserResponse response;
    return plain->GetUser(&context, AskFor("u-1"), &response).ok();
  };
  ASSERT_TRUE(CallUntil(0, 5));
  ASSERT_TRUE(CallUntil(1, 5));
  ASSERT_TRUE(call_plainly());

  PointTo({0, 1, 2});

  EXPECT_TRUE(CallUntil(2, 10));
  // The name has long changed for it too.
  const int64_t before = AttemptsAt(2);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(call_plainly());
  EXPECT_EQ(AttemptsAt(2), before);
}

TEST_F(EndpointsTest, ARemovedServerIsCalledNoMore) {
  PointTo({0, 1, 2});
  Connect();
  ASSERT_TRUE(CallUntil(2, 5));

  PointTo({0, 1});
  // Calls go on all the time, and none fails.
  ASSERT_TRUE(Eventually([&] {
    EXPECT_EQ(GetUser(), absl::OkStatus());
    return Told(ClientEvent::Kind::kEndpointsChanged) > 0 && Told(ClientEvent::Kind::kChannelsRenewed) > 0;
  }));

  const int64_t before = AttemptsAt(2);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_EQ(AttemptsAt(2), before);
  EXPECT_TRUE(Eventually([&] { return servers_[2]->Shutdown(10s).ok(); })) << "nobody is connected to it any more";
}

TEST_F(EndpointsTest, ConnectionsToThoseWhoStayAreKept) {
  PointTo({0, 1});
  Connect();
  ASSERT_TRUE(CallUntil(0, 3));
  ASSERT_TRUE(CallUntil(1, 3));
  const auto peers = [&](int server) {
    std::set<std::string> found;
    for (const ReceivedAttempt& attempt : servers_[static_cast<size_t>(server)]->ReceivedAttempts("GetUser")) {
      found.insert(attempt.peer);
    }
    return found;
  };
  const auto before = peers(0);
  ASSERT_EQ(before.size(), 1u);

  PointTo({0, 1, 2});
  ASSERT_TRUE(CallUntil(2, 10));
  PointTo({0, 2});
  ASSERT_TRUE(Eventually([&] { return Told(ClientEvent::Kind::kChannelsRenewed) >= 2; }));
  ASSERT_TRUE(CallUntil(0, AttemptsAt(0) + 10));

  EXPECT_EQ(peers(0), before) << "every call came over the first connection";
  EXPECT_EQ(peers(2).size(), 1u);
}

TEST_F(EndpointsTest, ACallInFlightFinishesOnTheServerThatIsRemoved) {
  PointTo({0});
  Connect();
  ASSERT_EQ(GetUser(), absl::OkStatus());
  servers_[0]->Script("GetUser", {Delay(1s)});
  const int64_t before = AttemptsAt(0);
  auto slow = client_->GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(servers_[0]->AwaitAttempts("GetUser", before + 1));

  PointTo({1});

  ASSERT_TRUE(Eventually([&] { return Told(ClientEvent::Kind::kChannelsRenewed) > 0; }));
  EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_EQ(AttemptsAt(1), 1);
  EXPECT_TRUE(std::move(slow).Get().ok());
}

TEST_F(EndpointsTest, WithoutANameServerTheLastAnswerServes) {
  PointTo({0, 1});
  Connect();
  ASSERT_TRUE(CallUntil(1, 1));

  names_.Die();

  ASSERT_TRUE(Eventually([&] {
    EXPECT_EQ(GetUser(), absl::OkStatus());
    return Told(ClientEvent::Kind::kLookupFailed) == 1;
  }));
  names_.Return();
  PointTo({0, 1, 2});
  EXPECT_TRUE(CallUntil(2, 1));
}

TEST_F(EndpointsTest, AnAnswerWithoutAddressesEmptiesNothing) {
  PointTo({0, 1});
  Connect();
  ASSERT_TRUE(CallUntil(1, 1));

  names_.Set(kName, NxDomain(), NxDomain());

  ASSERT_TRUE(Eventually([&] { return Told(ClientEvent::Kind::kLookupFailed) == 1; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_EQ(Told(ClientEvent::Kind::kEndpointsChanged), 0);
}

// gRPC alone would wait for seconds before it asks for the name again, and for longer each time.
TEST_F(EndpointsTest, ANameThatAppearsLaterIsFoundSoon) {
  Connect();
  EXPECT_EQ(GetUser().code(), StatusCode::kUnavailable);
  ASSERT_TRUE(Eventually([&] { return Told(ClientEvent::Kind::kLookupFailed) == 1; }));

  PointTo({0});

  // The channel looks the name up itself, and may be first.
  EXPECT_TRUE(Eventually([&] { return GetUser().ok() && Told(ClientEvent::Kind::kEndpointsChanged) == 1; }));
}

TEST_F(EndpointsTest, AllServersMayChangeAtOnce) {
  PointTo({0});
  Connect();
  ASSERT_EQ(GetUser(), absl::OkStatus());

  PointTo({1, 2});

  EXPECT_TRUE(CallUntil(1, 3));
  EXPECT_TRUE(CallUntil(2, 3));
}

TEST_F(EndpointsTest, CallsThatFindNobodyHaveTheNameLookedUpAtOnce) {
  PointTo({0});
  Connect("1000s");
  ASSERT_EQ(GetUser(), absl::OkStatus());
  // The channel has looked the name up itself, and may have been first.
  ASSERT_TRUE(Eventually([&] { return client_->Snapshot().resolution->lookups >= 1; }));

  PointTo({1});
  servers_[0].reset();

  // gRPC alone would find the new address half a minute later, and tell nobody.
  EXPECT_TRUE(Eventually([&] { return GetUser().ok() && Told(ClientEvent::Kind::kEndpointsChanged) == 1; }));
  EXPECT_GE(client_->Snapshot().resolution->lookups, 2);
}

TEST_F(EndpointsTest, ANewConfigSaysHowOftenToLook) {
  PointTo({0});
  Connect("1000s");
  ASSERT_EQ(GetUser(), absl::OkStatus());
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(ConfigThatLooks("0.1s"));
  ASSERT_TRUE(config.ok()) << config.status();

  ASSERT_EQ(client_->SetConfig(*config), absl::OkStatus());
  PointTo({0, 1});

  EXPECT_TRUE(CallUntil(1, 1));
}

TEST_F(EndpointsTest, ScalesUpAndDownUnderLoadWithoutAFailure) {
  PointTo({0});
  Connect();
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

  const auto reached = [&](int server) {
    const int64_t before = AttemptsAt(server);
    return Eventually([&] { return AttemptsAt(server) > before + 10; });
  };
  for (int round = 0; round < 3; ++round) {
    PointTo({0, 1, 2});
    EXPECT_TRUE(reached(1) && reached(2));
    PointTo({round});
    EXPECT_TRUE(Eventually([&] {
      const int64_t others = AttemptsAt((round + 1) % 3) + AttemptsAt((round + 2) % 3);
      std::this_thread::sleep_for(50ms);
      return AttemptsAt((round + 1) % 3) + AttemptsAt((round + 2) % 3) == others;
    }));
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();

  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace userclient::testing
