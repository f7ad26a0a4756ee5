// The code of docs/migrating.md, which shows the regions between "// [name]" and "// [end]"; and that before and after do the
// same.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_client.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::Fail;
using testing::FlakyUserServer;
using user::v1::ActivityEvent;
using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::StreamActivityRequest;
using user::v1::UserService;

/// Half a second may be too little for a connection where the machine is busy.
bool Eventually(const std::function<bool()>& succeeds) {
  const auto limit = std::chrono::steady_clock::now() + 30s;
  bool succeeded = false;
  while (!(succeeded = succeeds()) && std::chrono::steady_clock::now() < limit) {
  }
  return succeeded;
}

/// What an application does with what it got.
struct Shown {
  std::vector<std::string> lines;
  void Show(const GetUserResponse& user) { lines.push_back(user.user_id()); }
  void Show(const ActivityEvent& event) { lines.push_back(event.event_id()); }
};

class MigratingGuideTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.ok()) << server_.status(); }

  std::string target() const { return server_->address(); }
  std::unique_ptr<UserService::Stub> Stub() const {
    const auto channel = grpc::CreateChannel(target(), grpc::InsecureChannelCredentials());
    EXPECT_TRUE(channel->WaitForConnected(std::chrono::system_clock::now() + 30s));
    return UserService::NewStub(channel);
  }
  UserClient Client() const {
    UserClient client = *UserClient::Create({.target = target(), .credentials = Credentials::Insecure()});
    EXPECT_TRUE(client.WaitReady(30s));
    return client;
  }

  absl::StatusOr<FlakyUserServer> server_ = FlakyUserServer::Start({.seed_users = 1, .seed_activity = 4});
};

GetUserRequest FirstUser() {
  GetUserRequest request;
  request.set_user_id("u-1");
  return request;
}

StreamActivityRequest ActivityOfTheFirstUser() {
  StreamActivityRequest request;
  request.set_user_id("u-1");
  return request;
}

grpc::Status CallBefore(const std::string& target, const GetUserRequest& request, Shown& page) {
  // [call, before]
  std::shared_ptr<grpc::Channel> channel = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
  std::unique_ptr<UserService::Stub> stub = UserService::NewStub(channel);

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 500ms);
  GetUserResponse user;
  grpc::Status status = stub->GetUser(&context, request, &user);
  if (!status.ok()) return status;
  page.Show(user);
  // [end]
  return status;
}

absl::Status CallAfter(const std::string& target, const GetUserRequest& request, Shown& page) {
  // [call, after]
  absl::StatusOr<userclient::UserClient> client =
      userclient::UserClient::Create({.target = target, .credentials = userclient::Credentials::Insecure()});
  if (!client.ok()) return client.status();  // once, when the program starts

  absl::StatusOr<GetUserResponse> user = client->GetUser(request, {.timeout = 500ms});
  if (!user.ok()) return user.status();
  page.Show(*user);
  // [end]
  return absl::OkStatus();
}

TEST_F(MigratingGuideTest, ACallShowsTheSameBeforeAndAfter) {
  Shown before;
  Shown after;

  EXPECT_TRUE(Eventually([&] { return CallBefore(target(), FirstUser(), before).ok(); }));
  EXPECT_TRUE(Eventually([&] { return CallAfter(target(), FirstUser(), after).ok(); }));

  EXPECT_THAT(before.lines, ::testing::ElementsAre("u-1"));
  EXPECT_EQ(after.lines, before.lines);
}

grpc::Status RetryBefore(UserService::Stub& stub, const GetUserRequest& request, GetUserResponse& user) {
  // [retries, before]
  grpc::Status status;
  for (int attempt = 0; attempt < 4; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(50ms * (1 << attempt));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 1s);
    status = stub.GetUser(&context, request, &user);
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) break;
  }
  // [end]
  return status;
}

absl::StatusOr<GetUserResponse> RetryAfter(const UserClient& client, const GetUserRequest& request) {
  // [retries, after]
  absl::StatusOr<GetUserResponse> user = client.GetUser(request);
  // [end]
  return user;
}

TEST_F(MigratingGuideTest, BothRetryButOnlyOneSaysSoToTheServer) {
  server_->Script("GetUser", {Fail(absl::StatusCode::kUnavailable)});
  GetUserResponse before;
  const grpc::Status status = RetryBefore(*Stub(), FirstUser(), before);
  server_->Script("GetUser", {Fail(absl::StatusCode::kUnavailable)});
  const absl::StatusOr<GetUserResponse> after = RetryAfter(Client(), FirstUser());

  ASSERT_TRUE(status.ok());
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->email(), before.email());
  const std::vector<ReceivedAttempt> received = server_->ReceivedAttempts("GetUser");
  ASSERT_EQ(received.size(), 4u);
  EXPECT_EQ(received[1].previous_attempts, 0);
  EXPECT_EQ(received[3].previous_attempts, 1);
}

grpc::Status StreamBefore(UserService::Stub& stub, const StreamActivityRequest& request, Shown& page) {
  // [stream, before]
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 60s);
  std::unique_ptr<grpc::ClientReader<ActivityEvent>> reader = stub.StreamActivity(&context, request);
  ActivityEvent event;
  while (reader->Read(&event)) page.Show(event);
  grpc::Status status = reader->Finish();
  // [end]
  return status;
}

absl::Status StreamAfter(const UserClient& client, const StreamActivityRequest& request, Shown& page) {
  // [stream, after]
  userclient::MessageStream<ActivityEvent> events = client.StreamActivity(request);
  for (const ActivityEvent& event : events) page.Show(event);
  absl::Status status = events.status();
  // [end]
  return status;
}

TEST_F(MigratingGuideTest, AStreamThatBreaksIsCutShortBeforeAndWholeAfter) {
  const std::vector<testing::Step> breaks = {Fail(absl::StatusCode::kUnavailable).After(2)};
  server_->Script("StreamActivity", breaks);
  Shown before;
  const grpc::Status cut = StreamBefore(*Stub(), ActivityOfTheFirstUser(), before);
  server_->Script("StreamActivity", breaks);
  Shown after;
  const absl::Status whole = StreamAfter(Client(), ActivityOfTheFirstUser(), after);

  EXPECT_EQ(cut.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(before.lines.size(), 2u);
  EXPECT_TRUE(whole.ok()) << whole;
  EXPECT_EQ(after.lines.size(), 5u);
}

std::string MetadataBefore(UserService::Stub& stub, const GetUserRequest& request, GetUserResponse& user) {
  // [metadata, before]
  grpc::ClientContext context;
  context.AddMetadata("x-tenant", "acme");
  grpc::Status status = stub.GetUser(&context, request, &user);
  const auto trailer = context.GetServerTrailingMetadata().find("x-served-by");
  // [end]
  return status.ok() ? std::string(trailer->second.data(), trailer->second.size()) : "";
}

std::string MetadataAfter(const UserClient& client, const GetUserRequest& request) {
  // [metadata, after]
  userclient::ResponseMetadata received;
  absl::StatusOr<GetUserResponse> user =
      client.GetUser(request, {.metadata = {{"x-tenant", "acme"}}, .response_metadata = &received});
  const auto trailer = received.trailing.find("x-served-by");
  // [end]
  return user.ok() ? trailer->second : "";
}

TEST_F(MigratingGuideTest, MetadataGoBothWays) {
  const absl::StatusOr<FlakyUserServer> named = FlakyUserServer::Start({.seed_users = 1, .name = "pod-1"});
  const std::unique_ptr<UserService::Stub> stub =
      UserService::NewStub(grpc::CreateChannel(named->address(), grpc::InsecureChannelCredentials()));
  const absl::StatusOr<UserClient> client =
      UserClient::Create({.target = named->address(), .credentials = Credentials::Insecure()});
  GetUserResponse user;

  EXPECT_EQ(MetadataBefore(*stub, FirstUser(), user), "pod-1");
  EXPECT_EQ(MetadataAfter(*client, FirstUser()), "pod-1");

  for (const ReceivedAttempt& attempt : named->ReceivedAttempts("GetUser")) {
    EXPECT_THAT(attempt.metadata, ::testing::Contains(::testing::Pair("x-tenant", "acme")));
  }
}

[[maybe_unused]] grpc::Status InboundBefore(UserService::Stub& stub, const grpc::ServerContext& inbound,
                                            const GetUserRequest& request, GetUserResponse& user) {
  // [inbound call, before]
  std::unique_ptr<grpc::ClientContext> context = grpc::ClientContext::FromServerContext(inbound);
  grpc::Status status = stub.GetUser(context.get(), request, &user);
  // [end]
  return status;
}

[[maybe_unused]] absl::StatusOr<GetUserResponse> InboundAfter(const UserClient& client, const grpc::ServerContext& inbound,
                                                              const GetUserRequest& request) {
  // [inbound call, after]
  absl::StatusOr<GetUserResponse> user = client.GetUser(request, {.parent = &inbound});
  // [end]
  return user;
}

absl::StatusOr<GetUserResponse> CancelAfter(const UserClient& client, const GetUserRequest& request, std::stop_source& stop) {
  // [cancel, after]
  userclient::PendingCall<GetUserResponse> pending = client.GetUserAsync(request, {.stop = stop.get_token()});
  stop.request_stop();  // from any thread; or pending.Cancel()
  absl::StatusOr<GetUserResponse> user = std::move(pending).Get();
  // [end]
  return user;
}

TEST_F(MigratingGuideTest, ACallIsCancelledFromOutside) {
  server_->Script("GetUser", {testing::Hang()});
  std::stop_source stop;

  EXPECT_TRUE(absl::IsCancelled(CancelAfter(Client(), FirstUser(), stop).status()));
}

}  // namespace
}  // namespace userclient
