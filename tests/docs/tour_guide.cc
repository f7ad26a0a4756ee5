// The code of docs/tour.md, which shows the regions between "// [name]" and "// [end]"; and that it does what is said there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "userclient/error_details.h"
#include "userclient/json_log.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_client.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::Delay;
using testing::Fail;
using testing::FlakyUserServer;
using testing::Ok;
using user::v1::ActivityEvent;
using user::v1::CreateUserRequest;
using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::StreamActivityRequest;
using user::v1::WatchUsersResponse;

class TourTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.ok()) << server_.status(); }

  UserClient Client(ClientOptions options = {}) const {
    options.target = server_->address();
    options.credentials = Credentials::Insecure();
    return *UserClient::Create(options);
  }

  absl::StatusOr<FlakyUserServer> server_ = FlakyUserServer::Start({.seed_users = 3, .seed_activity = 4});
};

GetUserRequest FirstUser() {
  GetUserRequest request;
  request.set_user_id("u-1");
  return request;
}

/// Counts the users that it is shown.
class Page {
 public:
  void Show(const absl::StatusOr<GetUserResponse>& user) {
    if (user.ok()) ++users_;
    if (++calls_ == 4) all_.set_value();
  }
  int AwaitFour() {
    all_.get_future().wait();
    return users_;
  }

 private:
  std::atomic<int> users_ = 0;
  std::atomic<int> calls_ = 0;
  std::promise<void> all_;
};

/// A coroutine that runs by itself. The language chooses these names.
// NOLINTBEGIN(readability-identifier-naming)
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};
// NOLINTEND(readability-identifier-naming)

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine keeps what it is given
Detached FourWays(UserClient client, GetUserRequest request, Page& page) {
  // [four ways]
  // Block.
  page.Show(client.GetUser(request, {.timeout = 2s}));

  // Go on, and wait later; or pending.Cancel().
  userclient::PendingCall<GetUserResponse> pending = client.GetUserAsync(request);
  page.Show(std::move(pending).Get());

  // Be called back.
  client.GetUserAsync(request).Then([&page](const absl::StatusOr<GetUserResponse>& user) { page.Show(user); });

  // Be resumed.
  absl::StatusOr<GetUserResponse> user = co_await client.GetUserAsync(request);
  page.Show(user);
  // [end]
}

TEST_F(TourTest, OneCallIsMadeInFourWays) {
  Page page;

  const UserClient client = Client();
  FourWays(client, FirstUser(), page);

  EXPECT_EQ(page.AwaitFour(), 4);
  // And none of the callbacks is at the page any more.
  EXPECT_TRUE(client.Shutdown(30s));
}

/// What an application makes of what it gets.
struct Application {
  std::vector<std::string> seen;
  std::function<void()> first_change;

  void Apply(const ActivityEvent& event) { seen.push_back(event.event_id()); }
  void Apply(const WatchUsersResponse& change) {
    seen.push_back(change.user().email());
    if (seen.size() == 1) first_change();
  }
};

absl::Status ReadActivity(const UserClient& client, const StreamActivityRequest& request, Application& application) {
  // [activity]
  userclient::MessageStream<ActivityEvent> events = client.StreamActivity(request);
  for (const ActivityEvent& event : events) application.Apply(event);  // every event once, over any number of servers
  absl::Status status = events.status();                               // and why there are no more
  // [end]
  return status;
}

TEST_F(TourTest, AStreamGoesOnBehindAServersFailure) {
  server_->Script("StreamActivity", {Fail(absl::StatusCode::kUnavailable).After(2)});
  StreamActivityRequest request;
  request.set_user_id("u-1");
  Application application;

  EXPECT_TRUE(ReadActivity(Client(), request, application).ok());

  EXPECT_EQ(application.seen.size(), 5u);
}

void Watch(const UserClient& client, Application& application, const std::stop_token& until) {
  // [watch]
  userclient::UserWatch watch = client.WatchUsers({}, {.stop = until});
  if (!watch.WaitStarted(10s)) return;  // from here on nothing is missed; servers may die, restart or fall silent
  while (std::optional<WatchUsersResponse> change = watch.Next()) application.Apply(*change);
  // [end]
}

std::vector<CreateUserRequest> TwoNewUsers() {
  std::vector<CreateUserRequest> users(2);
  users[0].set_email("ada@example.com");
  users[0].set_display_name("Ada");
  users[1].set_email("grace@example.com");
  users[1].set_display_name("Grace");
  return users;
}

TEST_F(TourTest, AWatchBringsWhatHappensAfterItsStart) {
  const UserClient client = Client();
  std::stop_source stop;
  Application application;
  application.first_change = [&] { stop.request_stop(); };
  // Until one of them came after the start.
  const std::jthread creates([&](const std::stop_token& done) {
    CreateUserRequest user = TwoNewUsers()[0];
    for (int i = 0; !done.stop_requested() && !stop.stop_requested(); ++i) {
      user.set_email(absl::StrCat("ada+", i, "@example.com"));
      EXPECT_TRUE(client.CreateUser(user).ok());
    }
  });

  Watch(client, application, stop.get_token());

  EXPECT_THAT(application.seen, ::testing::Contains(::testing::StartsWith("ada+")));
}

TEST_F(TourTest, ManyUsersAreCreatedAndLookedUp) {
  const UserClient client = Client();
  const std::vector<CreateUserRequest> users = TwoNewUsers();
  const std::vector<std::string> ids = {"u-1", "u-2", "nobody"};

  // [many]
  absl::StatusOr<userclient::BatchResult> made = client.BatchCreateUsers(users);  // any range, chunk by chunk, each user once
  absl::StatusOr<std::vector<user::v1::LookupUsersResponse>> found = client.LookupUsers(ids);  // over one stream
  // [end]

  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->created, 2);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 3u);
  EXPECT_TRUE((*found)[0].has_user());
  EXPECT_FALSE((*found)[2].has_user());
}

TEST_F(TourTest, ErrorsTellWhoSaysSoAndWhatHappened) {
  server_->ScriptRepeatedly("GetUser", {Fail(absl::StatusCode::kUnavailable)});
  const UserClient client = Client();
  const GetUserRequest request = FirstUser();
  std::ostringstream log;

  // [errors]
  absl::StatusOr<GetUserResponse> user = client.GetUser(request);
  std::optional<userclient::Rejection> refused = userclient::RejectionOf(user.status());  // set: nothing was sent
  userclient::ErrorDetails details = userclient::ErrorDetailsOf(user.status());           // google.rpc details
  if (std::optional<userclient::CallReport> report = userclient::ReportOf(user.status())) {
    log << userclient::Explain(*report);  // every attempt
  }
  // [end]

  EXPECT_FALSE(refused.has_value());
  EXPECT_TRUE(details.field_violations.empty());
  EXPECT_FALSE(user.ok());
  EXPECT_THAT(log.str(), ::testing::HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(log.str(), ::testing::HasSubstr(server_->address()));
}

TEST_F(TourTest, AnObserverLogsAndASnapshotLooksInside) {
  server_->Script("GetUser", {Fail(absl::StatusCode::kNotFound)});
  std::mutex mutex;
  std::vector<std::string> lines;
  const auto write_line = [&](std::string_view line) {
    const std::lock_guard lock(mutex);
    lines.emplace_back(line);
  };
  userclient::ClientOptions options;

  // [observers]
  options.observers = {std::make_shared<userclient::JsonLog>(userclient::JsonLogOptions{.write = write_line})};
  // [end]
  const UserClient client = Client(options);
  EXPECT_TRUE(absl::IsNotFound(client.GetUser(FirstUser()).status()));
  // [snapshot]
  userclient::ClientSnapshot now = client.Snapshot();  // compartments with their breakers, channels, endpoints, traffic
  std::cout << userclient::ToJson(now) << '\n';
  // [end]

  EXPECT_FALSE(now.compartments.empty());
  const std::lock_guard lock(mutex);
  EXPECT_THAT(lines, ::testing::Contains(::testing::HasSubstr("NOT_FOUND")));
}

TEST(TourOfTestsTest, AServerFailsAsItIsTold) {
  // [flaky server]
  absl::StatusOr<userclient::testing::FlakyUserServer> server = userclient::testing::FlakyUserServer::Start({.seed_users = 3});
  server->Script("GetUser", {Fail(absl::StatusCode::kUnavailable), Delay(50ms), Ok()});
  // [end]
  ASSERT_TRUE(server.ok()) << server.status();
  const absl::StatusOr<UserClient> client =
      UserClient::Create({.target = server->address(), .credentials = Credentials::Insecure()});
  ASSERT_TRUE(client.ok()) << client.status();

  EXPECT_TRUE(client->GetUser(FirstUser()).ok());

  EXPECT_EQ(server->attempts("GetUser"), 2);
}

}  // namespace
}  // namespace userclient
