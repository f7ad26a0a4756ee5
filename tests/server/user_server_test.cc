#include "userclient/server/user_server.h"

#include <grpcpp/health_check_service_interface.h>

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/server/empty_user_store.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "userclient/v1/fault_service.grpc.pb.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailedWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using ::testing::Pair;
using testing::PlainClient;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Succeeded;
using testing::TemporaryDirectory;
using testing::ViolationsIn;

std::unique_ptr<UserServer> StartServer(UserServerOptions options = {}) {
  options.drain_notice = 0ms;
  return UserServer::Start(std::move(options)).value();
}

/// Collects the lines of a request log.
class LogLines {
 public:
  std::function<void(std::string_view)> Sink() {
    return [this](std::string_view line) {
      absl::MutexLock lock(&mutex_);
      lines_.emplace_back(line);
    };
  }

  std::vector<nlohmann::json> Parsed() {
    absl::MutexLock lock(&mutex_);
    std::vector<nlohmann::json> parsed;
    for (const std::string& line : lines_) parsed.push_back(nlohmann::json::parse(line));
    return parsed;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> lines_;
};

/// A store whose reads throw.
class ThrowingStore final : public testing::EmptyUserStore {
 public:
  absl::StatusOr<user::v1::User> Get(std::string_view) override { throw std::runtime_error("the secret cause"); }
  absl::StatusOr<UserPage> List(const PageQuery&) override { throw 42; }
};

// Users

TEST(UserServerTest, GetsASeededUser) {
  auto server = StartServer({.seed_users = 2});

  const auto outcome = PlainClient(server->address()).GetUser("u-2");

  ASSERT_THAT(outcome, Succeeded());
  EXPECT_EQ(outcome.response.user_id(), "u-2");
  EXPECT_EQ(outcome.response.email(), "user2@example.com");
  EXPECT_EQ(outcome.response.display_name(), "User 2");
  EXPECT_EQ(outcome.response.created_at_unix(), 1'700'000'002);
}

TEST(UserServerTest, UnknownUserIsNotFound) {
  auto server = StartServer();

  EXPECT_THAT(PlainClient(server->address()).GetUser("u-1"), FailedWith(grpc::StatusCode::NOT_FOUND));
}

TEST(UserServerTest, EveryWrongFieldIsNamedInTheDetails) {
  auto server = StartServer();

  const auto outcome = PlainClient(server->address()).CreateUser("nobody", std::string(201, 'n'), std::string(129, 'k'));

  EXPECT_THAT(outcome, FailedWith(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(ViolationsIn(outcome.status),
              ElementsAre(Pair("email", "must be local@domain"), Pair("display_name", "must be at most 200 characters"),
                          Pair("idempotency_key", "must be at most 128 bytes")));
  v1::RpcStatus details;
  ASSERT_TRUE(details.ParseFromString(outcome.status.error_details()));
  EXPECT_EQ(details.code(), 3);
  EXPECT_EQ(details.message(), outcome.status.error_message());
}

TEST(UserServerTest, StringThatIsNotUtf8IsAViolation) {
  auto server = StartServer();

  const auto outcome = PlainClient(server->address()).GetUser("u-\xff");

  EXPECT_THAT(outcome, FailedWith(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(ViolationsIn(outcome.status), ElementsAre(Pair("user_id", "must be valid UTF-8")));
}

TEST(UserServerTest, BytesThatAreNoRequestAreInternal) {
  auto server = StartServer();
  const grpc::Slice garbage("\x0a\x7f");
  const grpc::ByteBuffer request(&garbage, 1);

  const auto outcome =
      PlainClient(server->address()).CallByName<grpc::ByteBuffer, grpc::ByteBuffer>("/user.v1.UserService/GetUser", request);

  EXPECT_THAT(outcome, FailedWith(grpc::StatusCode::INTERNAL));
  EXPECT_EQ(outcome.status.error_message(), "the request is no user.v1.GetUserRequest");
}

/// An empty request is one that could be meant; ListUsers and WatchUsers would even answer it.
class UnfinishedRequestTest : public ::testing::TestWithParam<std::string> {};

TEST_P(UnfinishedRequestTest, IsInternalAndNoEmptyRequest) {
  auto server = StartServer();

  const grpc::Status status = PlainClient(server->address()).EndWithoutRequest("/user.v1.UserService/" + GetParam());

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), "the call ended before there was a whole request, a user.v1." + GetParam() + "Request");
}

INSTANTIATE_TEST_SUITE_P(, UnfinishedRequestTest,
                         ::testing::Values("GetUser", "ListUsers", "CreateUser", "StreamActivity", "WatchUsers"),
                         [](const auto& test) { return test.param; });

TEST(UserServerTest, RepeatedCreateReturnsTheFirstResult) {
  auto server = StartServer();
  PlainClient client(server->address());

  const auto first = client.CreateUser("ada@example.com", "Ada", "k");
  const auto second = client.CreateUser("ada@example.com", "Ada", "k");

  ASSERT_THAT(second, Succeeded());
  EXPECT_EQ(second.response.SerializeAsString(), first.response.SerializeAsString());
  EXPECT_THAT(client.CreateUser("bob@example.com", "Bob", "k"), FailedWith(grpc::StatusCode::FAILED_PRECONDITION));
  EXPECT_THAT(client.CreateUser("ada@example.com", "Ada", "other"), FailedWith(grpc::StatusCode::ALREADY_EXISTS));
}

TEST(UserServerTest, ListsPageByPage) {
  auto server = StartServer({.seed_users = 5});
  PlainClient client(server->address());

  const auto first = client.ListUsers(3);
  const auto second = client.ListUsers(3, first.response.next_page_token());

  ASSERT_THAT(first, Succeeded());
  EXPECT_THAT(first.response.users(), SizeIs(3));
  EXPECT_EQ(first.response.total_count(), 5);
  ASSERT_THAT(second, Succeeded());
  EXPECT_THAT(second.response.users(), SizeIs(2));
  EXPECT_EQ(second.response.users(0).user_id(), "u-4");
  EXPECT_THAT(second.response.next_page_token(), IsEmpty());
}

TEST(UserServerTest, ServerChoosesAHundredUsersAPage) {
  auto server = StartServer({.seed_users = 101});

  EXPECT_THAT(PlainClient(server->address()).ListUsers(0).response.users(), SizeIs(100));
}

TEST(UserServerTest, WalkSeesEveryUserOnceWhileOthersCreate) {
  auto server = StartServer({.seed_users = 40});
  std::atomic<bool> over{false};
  std::thread creator([&] {
    PlainClient client(server->address());
    for (int i = 0; !over; ++i) EXPECT_THAT(client.CreateUser(absl::StrCat("late", i, "@example.com")), Succeeded());
  });

  PlainClient client(server->address());
  std::vector<std::string> ids;
  std::string token;
  do {
    const auto page = client.ListUsers(3, token);
    EXPECT_THAT(page, Succeeded());
    for (const user::v1::User& user : page.response.users()) ids.push_back(user.user_id());
    token = page.response.next_page_token();
  } while (!token.empty());
  over = true;
  creator.join();

  ASSERT_GE(ids.size(), 40u);
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], absl::StrCat("u-", i + 1));
}

TEST(UserServerTest, TokenOfALargerStoreIsRefused) {
  auto large = StartServer({.seed_users = 10});
  auto small = StartServer({.seed_users = 2});
  const std::string token = PlainClient(large->address()).ListUsers(5).response.next_page_token();

  const auto outcome = PlainClient(small->address()).ListUsers(5, token);

  EXPECT_THAT(outcome, FailedWith(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(ViolationsIn(outcome.status), ElementsAre(Pair("page_token", "must be a next_page_token of this service")));
}

TEST(UserServerTest, ServesFromASqliteStore) {
  TemporaryDirectory directory;
  auto server = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value(), .seed_users = 1});
  PlainClient client(server->address());

  ASSERT_THAT(client.CreateUser("ada@example.com"), Succeeded());

  EXPECT_EQ(client.GetUser("u-2").response.email(), "ada@example.com");
  EXPECT_EQ(client.ListUsers(10).response.total_count(), 2);
}

// Request ids, the log, exceptions

TEST(UserServerTest, RequestIdOfTheCallerComesBackAsATrailer) {
  auto server = StartServer({.seed_users = 1, .name = "a"});

  const auto outcome = PlainClient(server->address()).GetUser("u-1", {{"x-request-id", "r-42"}});

  EXPECT_EQ(outcome.trailer("x-request-id"), "r-42");
  EXPECT_EQ(outcome.trailer("x-served-by"), "a");
  EXPECT_EQ(outcome.headers.count("x-request-id"), 0u) << "initial metadata would commit the call";
}

TEST(UserServerTest, RequestIdIsMadeWhereTheCallersCannotBeUsed) {
  auto server = StartServer({.seed_users = 1});
  PlainClient client(server->address());

  EXPECT_THAT(client.GetUser("u-1").trailer("x-request-id"), SizeIs(32));
  EXPECT_THAT(client.GetUser("u-1", {{"x-request-id", "two words"}}).trailer("x-request-id"), SizeIs(32));
  EXPECT_THAT(client.GetUser("u-1", {{"x-request-id", std::string(129, 'r')}}).trailer("x-request-id"), SizeIs(32));
  EXPECT_NE(client.GetUser("u-1").trailer("x-request-id"), client.GetUser("u-1").trailer("x-request-id"));
}

TEST(UserServerTest, LogHasOneLineOfJsonForEveryAttempt) {
  LogLines log;
  auto server = StartServer({.seed_users = 1, .request_log = log.Sink()});
  PlainClient client(server->address());
  ASSERT_THAT(server->faults().Script("GetUser", {{.status = absl::StatusCode::kUnavailable, .message = "no \xff luck"}}),
              IsOk());

  client.GetUser("u-1", {{"x-request-id", "r-1"}, {"grpc-previous-rpc-attempts", "2"}});
  client.GetUser("u-1", {{"x-request-id", "r-2"}});

  const std::vector<nlohmann::json> lines = log.Parsed();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["method"], "user.v1.UserService/GetUser");
  EXPECT_EQ(lines[0]["status"], "UNAVAILABLE");
  EXPECT_EQ(lines[0]["message"], "no \xef\xbf\xbd luck");
  EXPECT_EQ(lines[0]["request_id"], "r-1");
  EXPECT_EQ(lines[0]["previous_attempts"], 2);
  EXPECT_EQ(lines[0]["fault"], "GetUser.script[0]");
  EXPECT_THAT(lines[0]["peer"].get<std::string>(), StartsWith("ipv4:127.0.0.1:"));
  EXPECT_THAT(lines[0]["time"].get<std::string>(), ::testing::MatchesRegex("20..-..-..T..:..:..\\....Z"));
  EXPECT_GE(lines[0]["duration_ms"].get<double>(), 0);
  EXPECT_EQ(lines[1]["status"], "OK");
  EXPECT_EQ(lines[1]["request_id"], "r-2");
  EXPECT_FALSE(lines[1].contains("fault"));
  EXPECT_FALSE(lines[1].contains("message"));
}

TEST(UserServerTest, ThrowingHandlerIsInternalAndKeepsItsSecret) {
  LogLines log;
  auto server = StartServer({.store = std::make_shared<ThrowingStore>(), .request_log = log.Sink()});
  PlainClient client(server->address());

  const auto known = client.GetUser("u-1", {{"x-request-id", "r-1"}});
  const auto odd = client.ListUsers(1);

  EXPECT_THAT(known, FailedWith(grpc::StatusCode::INTERNAL));
  EXPECT_EQ(known.status.error_message(), "the server failed; request id r-1");
  EXPECT_THAT(odd, FailedWith(grpc::StatusCode::INTERNAL));
  ASSERT_THAT(log.Parsed(), SizeIs(2));
  EXPECT_EQ(log.Parsed()[0]["error"], "the secret cause");
  EXPECT_EQ(log.Parsed()[1]["error"], "something that is no std::exception was thrown");
}

// Faults

TEST(UserServerFaultTest, StatusWithMessageDetailsPushbackAndTrailers) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Set(
                  R"({"faults": [{"method": "GetUser", "script": [{"status": "RESOURCE_EXHAUSTED", "message": "slow down",
      "pushback": "1.5s", "metadata": {"x-cause": "test"}, "details": [{"field": "user_id", "description": "odd"}]}]}]})"),
              IsOk());
  PlainClient client(server->address());

  const auto sick = client.GetUser("u-1");
  const auto healthy = client.GetUser("u-1");

  EXPECT_THAT(sick, FailedWith(grpc::StatusCode::RESOURCE_EXHAUSTED));
  EXPECT_EQ(sick.status.error_message(), "slow down");
  EXPECT_EQ(sick.trailer("grpc-retry-pushback-ms"), "1500");
  EXPECT_EQ(sick.trailer("x-cause"), "test");
  EXPECT_THAT(ViolationsIn(sick.status), ElementsAre(Pair("user_id", "odd")));
  EXPECT_THAT(healthy, Succeeded());
}

TEST(UserServerFaultTest, PushbackStopIsNegative) {
  auto server = StartServer();
  ASSERT_THAT(server->faults().Set(R"({"faults": [{"method": "*", "status": "UNAVAILABLE", "pushback": "stop"}]})"), IsOk());

  EXPECT_EQ(PlainClient(server->address()).GetUser("u-1").trailer("grpc-retry-pushback-ms"), "-1");
}

TEST(UserServerFaultTest, EveryCodeArrivesAsItIs) {
  auto server = StartServer();
  PlainClient client(server->address());

  for (int code = 1; code <= 16; ++code) {
    ASSERT_THAT(server->faults().Script(
                    "GetUser", {{.status = static_cast<absl::StatusCode>(code), .message = absl::StrCat("code ", code)}}),
                IsOk());
    const auto outcome = client.GetUser("u-1");
    EXPECT_THAT(outcome, FailedWith(static_cast<grpc::StatusCode>(code)));
    EXPECT_EQ(outcome.status.error_message(), absl::StrCat("code ", code));
  }
}

TEST(UserServerFaultTest, DelayedAnswerIsHealthyAndLate) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Script("GetUser", {{.delay = 80ms}}), IsOk());
  const auto started = std::chrono::steady_clock::now();

  const auto outcome = PlainClient(server->address()).GetUser("u-1");

  EXPECT_THAT(outcome, Succeeded());
  EXPECT_GE(std::chrono::steady_clock::now() - started, 80ms);
}

TEST(UserServerFaultTest, DelayEndsWithTheDeadline) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Script("GetUser", {{.delay = 1h}}), IsOk());

  EXPECT_THAT(PlainClient(server->address()).GetUser("u-1", {}, 50ms), FailedWith(grpc::StatusCode::DEADLINE_EXCEEDED));
}

TEST(UserServerFaultTest, HangEndsWithTheDeadlineAndIsLogged) {
  LogLines log;
  auto server = StartServer({.seed_users = 1, .request_log = log.Sink()});
  ASSERT_THAT(server->faults().Script("GetUser", {{.hang = true}}), IsOk());
  PlainClient client(server->address());
  ASSERT_EQ(client.Health(""), "SERVING") << "it is connected, and the call arrives before its deadline";

  EXPECT_THAT(client.GetUser("u-1", {}, 3s), FailedWith(grpc::StatusCode::DEADLINE_EXCEEDED));

  ASSERT_THAT(server->Shutdown(30s), IsOk());
  ASSERT_THAT(log.Parsed(), SizeIs(1));
  EXPECT_EQ(log.Parsed()[0]["status"], "CANCELLED");
}

// More hanging calls than a server has threads, and it still answers.
TEST(UserServerFaultTest, HangingCallsHoldNoThread) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Set(R"({"faults": [{"method": "ListUsers", "hang": true}]})"), IsOk());
  PlainClient client(server->address());
  constexpr int kCalls = 200;
  struct Hanging {
    grpc::ClientContext context;
    user::v1::ListUsersRequest request;
    user::v1::ListUsersResponse response;
    std::promise<grpc::Status> done;
  };
  std::vector<std::unique_ptr<Hanging>> calls;
  for (int i = 0; i < kCalls; ++i) {
    Hanging* call = calls.emplace_back(std::make_unique<Hanging>()).get();
    client.stub().async()->ListUsers(&call->context, &call->request, &call->response,
                                     [call](const grpc::Status& status) { call->done.set_value(status); });
  }

  const auto outcome = client.GetUser("u-1");

  EXPECT_THAT(outcome, Succeeded());
  for (const auto& call : calls) call->context.TryCancel();
  for (const auto& call : calls) EXPECT_EQ(call->done.get_future().get().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(UserServerFaultTest, ThrowIsInternal) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Script("GetUser", {{.throws = true}}), IsOk());

  EXPECT_THAT(PlainClient(server->address()).GetUser("u-1"), FailedWith(grpc::StatusCode::INTERNAL));
}

TEST(UserServerFaultTest, GarbageIsNoMessage) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Script("GetUser", {{.garbage = true}, {.garbage = true}}), IsOk());
  PlainClient client(server->address());

  const auto typed = client.GetUser("u-1");
  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  const auto raw = client.CallByName<user::v1::GetUserRequest, grpc::ByteBuffer>("/user.v1.UserService/GetUser", request);

  EXPECT_FALSE(typed.status.ok());
  EXPECT_THAT(raw, Succeeded()) << "the server itself says OK";
  EXPECT_GT(raw.response.Length(), 0u);
}

TEST(UserServerFaultTest, HeadersMayComeBeforeAHealthyAnswer) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Script("GetUser", {{.headers = true}}), IsOk());

  EXPECT_THAT(PlainClient(server->address()).GetUser("u-1"), Succeeded());
}

TEST(UserServerFaultTest, HeadersAreSentBeforeTheFailure) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Script("GetUser", {{.delay = 1h, .headers = true, .status = absl::StatusCode::kUnavailable}}),
              IsOk());
  PlainClient client(server->address());
  grpc::ClientContext context;
  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  grpc::CompletionQueue queue;
  auto call = client.stub().AsyncGetUser(&context, request, &queue);
  void* tag = nullptr;
  bool ok = false;

  call->ReadInitialMetadata(&tag);

  EXPECT_EQ(queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + 30s), grpc::CompletionQueue::GOT_EVENT);
  EXPECT_TRUE(ok) << "the headers came an hour before the status";
  user::v1::GetUserResponse response;
  grpc::Status status;
  context.TryCancel();
  call->Finish(&response, &status, &tag);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

// Counters and the fault service

TEST(UserServerTest, CountsCallsAttemptsFaultsAndHowTheyEnded) {
  auto server = StartServer({.seed_users = 1});
  ASSERT_THAT(server->faults().Script("GetUser", {{.status = absl::StatusCode::kUnavailable}}), IsOk());
  PlainClient client(server->address());

  client.GetUser("u-1");
  client.GetUser("u-1", {{"grpc-previous-rpc-attempts", "1"}});
  client.GetUser("u-9");

  EXPECT_EQ(server->counters("GetUser"),
            (MethodCounters{
                .calls = 2,
                .attempts = 3,
                .injected_faults = 1,
                .ended = {{absl::StatusCode::kUnavailable, 1}, {absl::StatusCode::kOk, 1}, {absl::StatusCode::kNotFound, 1}}}));
  EXPECT_EQ(server->counters("ListUsers"), MethodCounters());
}

TEST(FaultServiceTest, SetsFaultsAndReadsCountersAtRunTime) {
  auto server = StartServer({.admin_address = "127.0.0.1:0", .seed_users = 1});
  auto admin = v1::FaultService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", server->admin_port()), grpc::InsecureChannelCredentials()));
  PlainClient client(server->address());
  v1::SetFaultsRequest set;
  set.set_faults_json(R"({"faults": [{"method": "GetUser", "status": "UNAVAILABLE", "times": 1}]})");
  v1::SetFaultsResponse set_response;
  v1::GetCountersResponse counters;
  v1::ResetCountersResponse reset_response;

  grpc::ClientContext set_context;
  ASSERT_TRUE(admin->SetFaults(&set_context, set, &set_response).ok());
  EXPECT_THAT(client.GetUser("u-1"), FailedWith(grpc::StatusCode::UNAVAILABLE));
  EXPECT_THAT(client.GetUser("u-1"), Succeeded());

  grpc::ClientContext counters_context;
  ASSERT_TRUE(admin->GetCounters(&counters_context, {}, &counters).ok());
  ASSERT_THAT(counters.methods(), SizeIs(1));
  EXPECT_EQ(counters.methods(0).method(), "GetUser");
  EXPECT_EQ(counters.methods(0).calls(), 2);
  EXPECT_EQ(counters.methods(0).attempts(), 2);
  EXPECT_EQ(counters.methods(0).injected_faults(), 1);
  ASSERT_THAT(counters.methods(0).ended(), SizeIs(2));
  EXPECT_EQ(counters.methods(0).ended(0).name(), "OK");
  EXPECT_EQ(counters.methods(0).ended(1).name(), "UNAVAILABLE");
  EXPECT_EQ(counters.methods(0).ended(1).code(), 14);
  EXPECT_EQ(counters.methods(0).ended(1).attempts(), 1);

  grpc::ClientContext reset_context;
  ASSERT_TRUE(admin->ResetCounters(&reset_context, {}, &reset_response).ok());
  EXPECT_EQ(server->counters("GetUser"), MethodCounters());
}

TEST(FaultServiceTest, RefusesWrongFaultsAndKeepsTheOld) {
  auto server = StartServer({.admin_address = "[::1]:0"});
  ASSERT_THAT(server->faults().Set(R"({"faults": [{"method": "*", "status": "ABORTED"}]})"), IsOk());
  auto admin = v1::FaultService::NewStub(
      grpc::CreateChannel(absl::StrCat("[::1]:", server->admin_port()), grpc::InsecureChannelCredentials()));
  v1::SetFaultsRequest set;
  set.set_faults_json(R"({"faults": [{"method": "*", "probability": 2, "hang": true}]})");
  v1::SetFaultsResponse response;
  grpc::ClientContext context;

  const grpc::Status status = admin->SetFaults(&context, set, &response);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "faults[0].probability: must be from 0 to 1");
  EXPECT_THAT(PlainClient(server->address()).GetUser("u-1"), FailedWith(grpc::StatusCode::ABORTED));
}

TEST(FaultServiceTest, IsNotServedToUsers) {
  auto server = StartServer({.admin_address = "127.0.0.1:0"});

  const auto outcome =
      PlainClient(server->address())
          .CallByName<v1::GetCountersRequest, v1::GetCountersResponse>("/userclient.v1.FaultService/GetCounters", {});

  EXPECT_THAT(outcome, FailedWith(grpc::StatusCode::UNIMPLEMENTED));
}

class NotLoopbackTest : public ::testing::TestWithParam<std::string> {};

TEST_P(NotLoopbackTest, FaultServiceRefusesToListen) {
  EXPECT_THAT(UserServer::Start({.admin_address = GetParam()}),
              IsError(absl::StatusCode::kInvalidArgument, HasSubstr("the fault service listens on loopback addresses only")));
}

INSTANTIATE_TEST_SUITE_P(All, NotLoopbackTest,
                         ::testing::Values("0.0.0.0:0", "[::]:0", "10.0.0.1:0", "example.com:0", "128.0.0.1:0"));

// Health and reflection

TEST(UserServerTest, ReportsTheHealthOfItselfAndOfItsService) {
  auto server = StartServer();
  PlainClient client(server->address());

  EXPECT_EQ(client.Health(""), "SERVING");
  EXPECT_EQ(client.Health("user.v1.UserService"), "SERVING");
  EXPECT_EQ(client.Health("other.Service"), "NOT_FOUND");
}

TEST(UserServerTest, LeavesTheHealthServicesOfOtherServersInTheProcessAlone) {
  auto server = StartServer();

  EXPECT_FALSE(grpc::DefaultHealthCheckServiceEnabled());
}

/// Asks for the list of services. grpc.reflection.v1alpha.ServerReflectionRequest{list_services: ""}
testing::Outcome<grpc::ByteBuffer> AskReflection(const std::string& address) {
  const grpc::Slice slice(std::string("\x3a\x00", 2));
  return PlainClient(address).CallByName<grpc::ByteBuffer, grpc::ByteBuffer>(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", grpc::ByteBuffer(&slice, 1));
}

TEST(UserServerTest, ReflectionNamesTheService) {
  auto server = StartServer({.reflection = true});

  auto outcome = AskReflection(server->address());

  ASSERT_THAT(outcome, Succeeded());
  grpc::Slice answer;
  ASSERT_TRUE(outcome.response.DumpToSingleSlice(&answer).ok());
  EXPECT_THAT(std::string(reinterpret_cast<const char*>(answer.begin()), answer.size()), HasSubstr("user.v1.UserService"));
}

TEST(UserServerTest, ReflectionCanReallyBeTurnedOff) {
  auto server = StartServer({.reflection = false});

  EXPECT_THAT(AskReflection(server->address()), FailedWith(grpc::StatusCode::UNIMPLEMENTED));
}

TEST(UserServerTest, FaultServiceHasNoReflection) {
  auto server = StartServer({.admin_address = "127.0.0.1:0", .reflection = true});

  EXPECT_THAT(AskReflection(absl::StrCat("127.0.0.1:", server->admin_port())), FailedWith(grpc::StatusCode::UNIMPLEMENTED));
}

// Starting

TEST(UserServerTest, TwoServersDoNotShareAPort) {
  auto first = StartServer();

  EXPECT_THAT(
      UserServer::Start({.listen_address = first->address()}),
      IsError(absl::StatusCode::kUnavailable, absl::StrCat("cannot listen on ", first->address(), ": Address already in use")));
}

TEST(UserServerTest, SaysThatAnAddressIsNotOfThisMachine) {
  EXPECT_THAT(UserServer::Start({.listen_address = "192.0.2.1:0"}),
              IsError(absl::StatusCode::kUnavailable, "cannot listen on 192.0.2.1:0: Cannot assign requested address"));
}

class NoAddressTest : public ::testing::TestWithParam<std::string> {};

TEST_P(NoAddressTest, IsRefused) {
  EXPECT_THAT(UserServer::Start({.listen_address = GetParam()}),
              IsError(absl::StatusCode::kInvalidArgument, HasSubstr("is no address to listen on: must be HOST:PORT")));
}

INSTANTIATE_TEST_SUITE_P(All, NoAddressTest,
                         ::testing::Values("", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536",
                                           "127.0.0.1:-1", "::1:80", "[::1:80", "[]:80"));

TEST(UserServerTest, ListensOnIpv6) {
  auto server = StartServer({.listen_address = "[::1]:0", .seed_users = 1});

  EXPECT_EQ(server->address(), absl::StrCat("[::1]:", server->port()));
  EXPECT_THAT(PlainClient(server->address()).GetUser("u-1"), Succeeded());
}

TEST(UserServerTest, SaysWhyTheStoreCannotBeSeeded) {
  auto store = MakeMemoryUserStore();
  ASSERT_THAT(store->Create({.email = "user2@example.com"}), IsOk());

  EXPECT_THAT(UserServer::Start({.store = store, .seed_users = 2}),
              IsError(absl::StatusCode::kAlreadyExists, "cannot seed the store: another user has this email"));
  EXPECT_THAT(UserServer::Start({.seed_users = -1}),
              IsError(absl::StatusCode::kInvalidArgument, HasSubstr("seed_users: must be from 0")));
}

TEST(UserServerTest, SeesWhatEachAttemptBrings) {
  absl::Mutex mutex;
  std::vector<ReceivedAttempt> attempts;
  auto server = StartServer({.on_attempt = [&](const ReceivedAttempt& attempt) {
    absl::MutexLock lock(&mutex);
    attempts.push_back(attempt);
  }});

  PlainClient(server->address()).GetUser("u-7", {{"x-key", "value"}, {"grpc-previous-rpc-attempts", "1"}}, 20s);

  absl::MutexLock lock(&mutex);
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].method, "GetUser");
  EXPECT_EQ(attempts[0].previous_attempts, 1);
  EXPECT_THAT(attempts[0].metadata,
              AllOf(::testing::Contains(Pair("x-key", "value")), ::testing::Contains(Pair("grpc-previous-rpc-attempts", "1"))));
  ASSERT_TRUE(attempts[0].time_left.has_value());
  // gRPC rounds up what it sends as the timeout.
  EXPECT_LE(*attempts[0].time_left, 21s);
  EXPECT_GT(*attempts[0].time_left, 10s);
  user::v1::GetUserRequest request;
  ASSERT_TRUE(request.ParseFromString(attempts[0].request));
  EXPECT_EQ(request.user_id(), "u-7");
}

}  // namespace
}  // namespace userclient
