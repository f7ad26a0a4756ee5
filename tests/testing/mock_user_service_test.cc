// Real clients, policies included, over a mocked service.

#include "userclient/testing/mock_user_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/server/status_matchers.h"
#include "tests/support/test_client.h"
#include "userclient/call_report.h"
#include "userclient/error_details.h"
#include "userclient/rejection.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using ::testing::Property;
using ::testing::Return;
using ::testing::SizeIs;
using ::testing::StrictMock;
using user::v1::ActivityEvent;
using user::v1::BatchCreateUsersResponse;
using user::v1::CreateUserRequest;
using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::LookupUsersResponse;
using user::v1::WatchUsersResponse;
using namespace std::chrono_literals;

GetUserResponse UserNamed(const std::string& name) {
  GetUserResponse user;
  user.set_display_name(name);
  return user;
}

ActivityEvent Event(const std::string& id) {
  ActivityEvent event;
  event.set_event_id(id);
  return event;
}

WatchUsersResponse Position(const std::string& token) {
  WatchUsersResponse position;
  position.set_resume_token(token);
  return position;
}

WatchUsersResponse Created(const std::string& user_id, const std::string& token) {
  WatchUsersResponse change = Position(token);
  change.mutable_user()->set_user_id(user_id);
  change.set_kind(user::v1::USER_CHANGE_KIND_CREATED);
  return change;
}

MATCHER_P(AsksFor, user_id, "asks for " + std::string(user_id)) { return arg.user_id() == user_id; }

TEST(MockUserServiceTest, AnswersWhatItIsTold) {
  MockUserService service;
  EXPECT_CALL(service, GetUser(AsksFor("u-1"))).WillOnce(Return(UserNamed("Ada")));
  EXPECT_CALL(service, ListUsers).WillOnce([](const user::v1::ListUsersRequest& request) {
    user::v1::ListUsersResponse page;
    page.set_total_count(request.page_size());
    return page;
  });
  user::v1::ListUsersRequest list;
  list.set_page_size(17);

  const auto user = service.client().GetUser(AskFor("u-1"));
  const auto page = service.client().ListUsersAsync(list).Get();

  ASSERT_THAT(user, IsOk());
  EXPECT_EQ(user->display_name(), "Ada");
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->total_count(), 17);
}

TEST(MockUserServiceTest, FailsAsItIsTold) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).WillOnce(Return(absl::NotFoundError("no user \"u-1\"")));

  const absl::Status status = service.client().GetUser(AskFor("u-1")).status();

  EXPECT_THAT(status, IsError(StatusCode::kNotFound, "no user \"u-1\""));
  EXPECT_EQ(RejectionOf(status), std::nullopt);
}

TEST(MockUserServiceTest, AMethodThatNobodyExpectsIsUnimplementedByName) {
  NiceMock<MockUserService> service;
  const UserClient client = service.client();
  const auto is_unimplemented = [](const std::string& method) {
    return IsError(StatusCode::kUnimplemented, HasSubstr("nobody has said what " + method + " answers"));
  };

  EXPECT_THAT(client.GetUser({}), is_unimplemented("GetUser"));
  EXPECT_THAT(client.ListUsers({}), is_unimplemented("ListUsers"));
  EXPECT_THAT(client.CreateUser({}), is_unimplemented("CreateUser"));
  EXPECT_THAT(client.BatchCreateUsers(std::vector<CreateUserRequest>(1)), is_unimplemented("BatchCreateUsers"));
  auto activity = client.StreamActivity({});
  EXPECT_EQ(activity.Next(), std::nullopt);
  EXPECT_THAT(activity.status(), is_unimplemented("StreamActivity"));
  auto watch = client.WatchUsers();
  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_THAT(watch.status(), is_unimplemented("WatchUsers"));
  EXPECT_THAT(client.LookupUsers({"u-1"}), is_unimplemented("LookupUsers"));
}

TEST(MockUserServiceTest, ErrorDetailsComeOver) {
  MockUserService service;
  const ErrorDetails details = {.field_violations = {{"email", "is empty"}},
                                .precondition_violations = {{"TOS", "u-1", "not accepted"}},
                                .error_info = ErrorInfo{"QUOTA", "users", {{"limit", "10"}}},
                                .resource_info = ResourceInfo{"user", "u-1", "ops", "frozen"},
                                .retry_delay = 1500ms,
                                .request_id = "r-7",
                                .other = {{"type.googleapis.com/google.rpc.Help", "one"}, {"type.googleapis.com/x.Y", "two"}}};
  EXPECT_CALL(service, CreateUser).WillOnce(Return(WithDetails(absl::InvalidArgumentError("bad"), details)));

  const absl::Status status = service.client().CreateUser({}).status();

  EXPECT_THAT(status, IsError(StatusCode::kInvalidArgument, "bad"));
  const ErrorDetails seen = ErrorDetailsOf(status);
  ASSERT_THAT(seen.field_violations, SizeIs(1));
  EXPECT_EQ(seen.field_violations[0].field, "email");
  EXPECT_EQ(seen.field_violations[0].description, "is empty");
  ASSERT_THAT(seen.precondition_violations, SizeIs(1));
  EXPECT_EQ(seen.precondition_violations[0].subject, "u-1");
  ASSERT_TRUE(seen.error_info);
  EXPECT_EQ(seen.error_info->reason, "QUOTA");
  EXPECT_EQ(seen.error_info->metadata.at("limit"), "10");
  ASSERT_TRUE(seen.resource_info);
  EXPECT_EQ(seen.resource_info->owner, "ops");
  EXPECT_EQ(seen.retry_delay, 1500ms);
  EXPECT_EQ(seen.request_id, "r-7");
  ASSERT_THAT(seen.other, SizeIs(2));
  EXPECT_EQ(seen.other[1].value, "two");
}

TEST(MockUserServiceTest, DetailsThatNobodyCanReadComeOver) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).WillOnce(Return(WithDetails(absl::InternalError("bad"), {.raw = "no message"})));

  EXPECT_EQ(ErrorDetailsOf(service.client().GetUser({}).status()).raw, "no message");
}

TEST(MockUserServiceTest, PayloadsOfOnesOwnComeOverAsDetails) {
  MockUserService service;
  absl::Status status = absl::InternalError("bad");
  status.SetPayload("type.googleapis.com/shop.Reason", absl::Cord("out of stock"));
  EXPECT_CALL(service, GetUser).WillOnce(Return(status));

  const ErrorDetails details = ErrorDetailsOf(service.client().GetUser({}).status());

  ASSERT_THAT(details.other, SizeIs(1));
  EXPECT_EQ(details.other[0].type_url, "type.googleapis.com/shop.Reason");
  EXPECT_EQ(details.other[0].value, "out of stock");
}

// What another service said is passed on as it came.
TEST(MockUserServiceTest, TheErrorOfAnotherCallIsPassedOnWithItsDetails) {
  MockUserService origin;
  MockUserService service;
  EXPECT_CALL(origin, GetUser).WillOnce(Return(WithDetails(absl::AbortedError("bad"), {.request_id = "r-1"})));
  EXPECT_CALL(service, GetUser).WillOnce([&](const GetUserRequest& request) {
    return origin.client().GetUserAsync(request).Get();
  });

  const absl::Status status = service.client().GetUser({}).status();

  EXPECT_THAT(status, IsError(StatusCode::kAborted, "bad"));
  EXPECT_EQ(ErrorDetailsOf(status).request_id, "r-1");
}

TEST(MockUserServiceTest, NothingIsRetriedByDefault) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).Times(1).WillRepeatedly(Return(absl::UnavailableError("down")));

  const absl::Status status = service.client().GetUser({}).status();

  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  ASSERT_TRUE(ReportOf(status));
  EXPECT_EQ(ReportOf(status)->end, CallEnd::kNoRetryPolicy);
}

TEST(MockUserServiceTest, RetriesWithAConfigThatSaysSo) {
  MockUserService service;
  EXPECT_CALL(service, GetUser)
      .WillOnce(Return(absl::UnavailableError("down")))
      .WillOnce(Return(absl::UnavailableError("still down")))
      .WillOnce(Return(UserNamed("Ada")));
  const auto client = service.NewClient({.service_config_json = RetryConfig()});
  ASSERT_THAT(client, IsOk());

  const auto user = client->GetUser({});

  ASSERT_THAT(user, IsOk());
  EXPECT_EQ(user->display_name(), "Ada");
}

TEST(MockUserServiceTest, WhoNeverAnswersMeetsTheDeadline) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).WillOnce(NeverAnswers());

  const absl::Status status = service.client().GetUser({}, {.timeout = 3s}).status();

  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(RejectionOf(status), std::nullopt);
}

TEST(MockUserServiceTest, WhoNeverAnswersIsToldOfACancellation) {
  MockUserService service;
  absl::Notification called;
  absl::Notification returned;
  EXPECT_CALL(service, GetUser).WillOnce([&](const GetUserRequest&) {
    called.Notify();
    absl::Status cancelled = AwaitCancelled();
    returned.Notify();
    return cancelled;
  });
  auto pending = service.client().GetUserAsync({});
  called.WaitForNotification();

  pending.Cancel();

  EXPECT_TRUE(returned.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_THAT(std::move(pending).Get(), HasCode(StatusCode::kCancelled));
}

TEST(MockUserServiceTest, TheCircuitIsOpenedByHand) {
  StrictMock<MockUserService> service;
  const UserClient client = service.client();

  ASSERT_EQ(client.OverrideCircuit("reads", CircuitOverride::kOpen), absl::OkStatus());
  ASSERT_EQ(client.OverrideCircuit("writes", CircuitOverride::kOpen), absl::OkStatus());
  ASSERT_EQ(client.OverrideCircuit("streams", CircuitOverride::kOpen), absl::OkStatus());

  EXPECT_EQ(RejectionOf(client.GetUser({}).status()), Rejection::kCircuitOpen);
  EXPECT_EQ(RejectionOf(client.CreateUser({}).status()), Rejection::kCircuitOpen);
  auto activity = client.StreamActivity({});
  EXPECT_EQ(activity.Next(), std::nullopt);
  EXPECT_EQ(RejectionOf(activity.status()), Rejection::kCircuitOpen);
}

TEST(MockUserServiceTest, TheCircuitDoesNotOpenByItself) {
  NiceMock<MockUserService> service;
  ON_CALL(service, GetUser).WillByDefault(Return(absl::UnavailableError("down")));
  const UserClient client = service.client();
  for (int i = 0; i < 200; ++i) ASSERT_EQ(client.GetUser({}).status().code(), StatusCode::kUnavailable);

  EXPECT_EQ(RejectionOf(client.GetUser({}).status()), std::nullopt);
}

TEST(MockUserServiceTest, AClientThatIsShutDownRefuses) {
  StrictMock<MockUserService> service;

  service.client().Shutdown(0s);

  EXPECT_EQ(RejectionOf(service.client().GetUser({}).status()), Rejection::kShutdown);
}

TEST(MockUserServiceTest, ACompartmentCanBeFilled) {
  MockUserService service;
  absl::Notification called;
  EXPECT_CALL(service, GetUser).WillOnce([&](const GetUserRequest&) -> absl::Status {
    called.Notify();
    return AwaitCancelled();
  });
  const auto client = service.NewClient({.service_config_json = R"({
    "methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s"}],
    "userclient": {"bulkheads": [{"name": "reads", "maxConcurrentCalls": 1,
                                  "methods": [{"service": "user.v1.UserService", "method": "GetUser"}]}]}})"});
  ASSERT_THAT(client, IsOk());
  const auto occupant = client->GetUserAsync({});
  called.WaitForNotification();

  EXPECT_EQ(RejectionOf(client->GetUser({}).status()), Rejection::kBulkheadFull);

  occupant.Cancel();
}

TEST(MockUserServiceTest, AStreamSendsItsMessagesAndEnds) {
  MockUserService service;
  EXPECT_CALL(service, StreamActivity(AsksFor("u-1"), _)).WillOnce(Sends<ActivityEvent>({Event("e-1"), Event("e-2")}));
  user::v1::StreamActivityRequest request;
  request.set_user_id("u-1");

  std::vector<std::string> seen;
  auto stream = service.client().StreamActivity(request);
  for (const ActivityEvent& event : stream) seen.push_back(event.event_id());

  EXPECT_THAT(seen, ElementsAre("e-1", "e-2"));
  EXPECT_EQ(stream.status(), absl::OkStatus());
}

TEST(MockUserServiceTest, AStreamEndsWithAnError) {
  MockUserService service;
  EXPECT_CALL(service, StreamActivity).WillOnce(Sends<ActivityEvent>({Event("e-1")}, absl::PermissionDeniedError("no more")));
  auto stream = service.client().StreamActivity({});

  EXPECT_TRUE(stream.Next());
  EXPECT_EQ(stream.Next(), std::nullopt);

  EXPECT_THAT(stream.status(), IsError(StatusCode::kPermissionDenied, "no more"));
}

// The client asks again, for what comes after the last event that it had.
TEST(MockUserServiceTest, ABrokenStreamIsResumed) {
  MockUserService service;
  EXPECT_CALL(service, StreamActivity(Property(&user::v1::StreamActivityRequest::after_event_id, ""), _))
      .WillOnce(Sends<ActivityEvent>({Event("e-1")}, absl::UnavailableError("restarting")));
  EXPECT_CALL(service, StreamActivity(Property(&user::v1::StreamActivityRequest::after_event_id, "e-1"), _))
      .WillOnce(Sends<ActivityEvent>({Event("e-2")}));

  std::vector<std::string> seen;
  for (const ActivityEvent& event : service.client().StreamActivity({})) seen.push_back(event.event_id());

  EXPECT_THAT(seen, ElementsAre("e-1", "e-2"));
}

TEST(MockUserServiceTest, AWriterIsToldThatItsClientHasGone) {
  MockUserService service;
  absl::Notification gone;
  EXPECT_CALL(service, StreamActivity).WillOnce([&](const auto&, StreamWriter<ActivityEvent>& events) {
    while (events.Write(Event("e"))) continue;
    gone.Notify();
    return absl::OkStatus();
  });

  {
    auto stream = service.client().StreamActivity({});
    ASSERT_TRUE(stream.Next());
  }

  EXPECT_TRUE(gone.WaitForNotificationWithTimeout(absl::Seconds(30)));
}

TEST(MockUserServiceTest, AWatchStaysOpen) {
  MockUserService service;
  EXPECT_CALL(service, WatchUsers)
      .WillOnce(SendsAndStaysOpen<WatchUsersResponse>({Position("t-0"), Created("u-1", "t-1"), Created("u-2", "t-2")}));
  auto watch = service.client().WatchUsers();

  ASSERT_TRUE(watch.WaitStarted(30s));
  EXPECT_EQ(watch.Next()->user().user_id(), "u-1");
  EXPECT_EQ(watch.Next()->user().user_id(), "u-2");
  EXPECT_EQ(watch.resume_token(), "t-2");
  watch.Cancel();

  EXPECT_EQ(watch.Next(), std::nullopt);
}

TEST(MockUserServiceTest, AWatchThatCannotBeEnds) {
  MockUserService service;
  EXPECT_CALL(service, WatchUsers)
      .WillOnce(
          Return(WithDetails(absl::OutOfRangeError("too old"), {.error_info = ErrorInfo{.reason = "RESUME_TOKEN_EXPIRED"}})));
  auto watch = service.client().WatchUsers();

  EXPECT_EQ(watch.Next(), std::nullopt);

  EXPECT_EQ(watch.status().code(), StatusCode::kOutOfRange);
  EXPECT_EQ(ErrorDetailsOf(watch.status()).error_info->reason, "RESUME_TOKEN_EXPIRED");
}

TEST(MockUserServiceTest, LookupsAreAnsweredQuestionByQuestion) {
  MockUserService service;
  EXPECT_CALL(service, LookupUsers).WillRepeatedly([](const user::v1::LookupUsersRequest& request) {
    LookupUsersResponse answer;
    answer.set_user_id(request.user_id());
    answer.set_not_found(true);
    return answer;
  });

  const auto answers = service.client().LookupUsers({"u-1", "u-2", "u-3"});

  ASSERT_THAT(answers, IsOk());
  ASSERT_THAT(*answers, SizeIs(3));
  EXPECT_EQ((*answers)[2].user_id(), "u-3");
}

TEST(MockUserServiceTest, ABatchComesAsOne) {
  MockUserService service;
  EXPECT_CALL(service, BatchCreateUsers(SizeIs(3))).WillOnce([](const std::vector<CreateUserRequest>& users) {
    BatchCreateUsersResponse response;
    for (const CreateUserRequest& user : users) response.add_users()->set_email(user.email());
    return response;
  });
  std::vector<CreateUserRequest> users(3);
  for (CreateUserRequest& user : users) user.set_email("somebody@example.com");

  const auto result = service.client().BatchCreateUsers(users);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->created, 3);
}

TEST(MockUserServiceTest, WhatThrowsIsInternal) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).WillOnce([](const GetUserRequest&) -> absl::StatusOr<GetUserResponse> {
    throw std::runtime_error("no disk");
  });
  EXPECT_CALL(service, CreateUser).WillOnce([](const CreateUserRequest&) -> absl::Status { throw 7; });

  EXPECT_THAT(service.client().GetUser({}), IsError(StatusCode::kInternal, "GetUser: the handler threw: no disk"));
  EXPECT_THAT(service.client().CreateUser({}), IsError(StatusCode::kInternal, HasSubstr("CreateUser: the handler threw")));
}

TEST(MockUserServiceTest, ManyCallsAtOnce) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).Times(800).WillRepeatedly(Return(UserNamed("Ada")));
  const UserClient client = service.client();
  std::vector<std::thread> callers;

  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&client] {
      for (int n = 0; n < 100; ++n) EXPECT_THAT(client.GetUser({}), IsOk());
    });
  }

  for (std::thread& caller : callers) caller.join();
}

TEST(MockUserServiceTest, RefusesOptionsThatLeadElsewhere) {
  MockUserService service;

  EXPECT_THAT(service.NewClient({.target = "127.0.0.1:1"}), HasCode(StatusCode::kInvalidArgument));
  EXPECT_THAT(service.NewClient({.credentials = Credentials::Insecure()}), HasCode(StatusCode::kInvalidArgument));
  EXPECT_THAT(service.NewClient({.channel_factory = [](const grpc::ChannelArguments&) { return nullptr; }}),
              IsError(StatusCode::kInvalidArgument, HasSubstr("channel_factory")));
  EXPECT_THAT(service.NewClient({.service_config_json = "{"}), HasCode(StatusCode::kInvalidArgument));
}

TEST(MockUserServiceTest, ItsEndCancelsWhatIsUnderWay) {
  auto service = std::make_unique<MockUserService>();
  absl::Notification called;
  EXPECT_CALL(*service, GetUser).WillOnce([&](const GetUserRequest&) -> absl::Status {
    called.Notify();
    return AwaitCancelled();
  });
  auto pending = service->client().GetUserAsync({});
  called.WaitForNotification();

  service.reset();

  EXPECT_FALSE(std::move(pending).Get().ok());
}

TEST(MockUserServiceTest, AClientThatLivesLongerRefuses) {
  auto service = std::make_unique<NiceMock<MockUserService>>();
  const UserClient client = service->client();
  const absl::StatusOr<UserClient> other = service->NewClient({});
  ASSERT_THAT(other, IsOk());
  ASSERT_EQ(client.GetUser({}).status().code(), StatusCode::kUnimplemented);
  ASSERT_EQ(other->GetUser({}).status().code(), StatusCode::kUnimplemented);

  service.reset();

  EXPECT_EQ(RejectionOf(client.GetUser({}).status()), Rejection::kShutdown);
  EXPECT_EQ(RejectionOf(other->GetUser({}).status()), Rejection::kShutdown);
  EXPECT_EQ(RejectionOf(other->CheckHealth("").status()), Rejection::kShutdown);
}

/// With a member that goes before the mock does.
class RecordingService : public MockUserService {
 public:
  RecordingService() {
    ON_CALL(*this, GetUser).WillByDefault([this](const GetUserRequest& request) {
      called_.Notify();
      const absl::Status cancelled = AwaitCancelled();
      *seen_ = request.user_id();
      return absl::StatusOr<GetUserResponse>(cancelled);
    });
  }
  ~RecordingService() override { Stop(); }

  void AwaitCall() { called_.WaitForNotification(); }

 private:
  absl::Notification called_;
  std::unique_ptr<std::string> seen_ = std::make_unique<std::string>();
};

TEST(MockUserServiceTest, ASubclassStopsBeforeItsMembersGo) {
  auto service = std::make_unique<NiceMock<RecordingService>>();
  auto pending = service->client().GetUserAsync(AskFor("u-1"));
  service->AwaitCall();

  service.reset();

  EXPECT_FALSE(std::move(pending).Get().ok());
}

TEST(MockUserServiceTest, NobodyCallsItOnceItHasStopped) {
  MockUserService service;
  absl::Notification called;
  bool returned = false;
  EXPECT_CALL(service, GetUser).WillOnce([&](const GetUserRequest&) -> absl::Status {
    called.Notify();
    absl::Status cancelled = AwaitCancelled();
    returned = true;
    return cancelled;
  });
  auto pending = service.client().GetUserAsync({});
  called.WaitForNotification();

  service.Stop();
  service.Stop();

  EXPECT_TRUE(returned);
  EXPECT_FALSE(std::move(pending).Get().ok());
  EXPECT_EQ(RejectionOf(service.client().GetUser({}).status()), Rejection::kShutdown);
  EXPECT_THAT(service.NewClient({}), IsError(StatusCode::kFailedPrecondition, HasSubstr("has been stopped")));
}

/// A fake with a memory of its own.
class Counter final : public UserServiceHandler {
 public:
  absl::StatusOr<GetUserResponse> GetUser(const GetUserRequest& request) override { return UserNamed(request.user_id() + "!"); }
};

TEST(InProcessUserServiceTest, ServesAHandlerAndRefusesTheRest) {
  Counter handler;
  const InProcessUserService service(handler);

  const auto user = service.client().GetUser(AskFor("u-1"));

  ASSERT_THAT(user, IsOk());
  EXPECT_EQ(user->display_name(), "u-1!");
  EXPECT_THAT(service.client().ListUsers({}), IsError(StatusCode::kUnimplemented, HasSubstr("ListUsers")));
  EXPECT_THAT(service.client().CreateUser({}), IsError(StatusCode::kUnimplemented, HasSubstr("CreateUser")));
  EXPECT_THAT(service.client().BatchCreateUsers(std::vector<CreateUserRequest>(1)), HasCode(StatusCode::kUnimplemented));
  EXPECT_THAT(service.client().LookupUsers({"u-1"}), HasCode(StatusCode::kUnimplemented));
}

using InProcessUserServiceDeathTest = ::testing::Test;

TEST_F(InProcessUserServiceDeathTest, SaysWhereItMayBeAwaited) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");

  EXPECT_DEATH(AwaitCancelled().IgnoreError(), "this thread answers no call");
  EXPECT_DEATH(WithDetails(absl::OkStatus(), {}).IgnoreError(), "OK has no details");
}

}  // namespace
}  // namespace userclient::testing
