// userctl activity and watch, as a person and a script meet them. Real servers, real processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/program.h"
#include "tests/server/temporary_directory.h"
#include "userclient/server/user_store.h"

namespace userclient::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr int kWrongUsage = 2;
constexpr int kCancelled = 65;
constexpr int kInvalidArgument = 67;
constexpr int kDeadlineExceeded = 68;
constexpr int kNotFound = 69;
constexpr int kOutOfRange = 75;

/// An address of this process alone: while nobody listens on a port of it, nobody else is given that port.
std::string OwnAddress() {
  const int id = getpid();
  return absl::StrCat("127.", 64 + (id >> 16), ".", id >> 8 & 255, ".", id & 255);
}

/// A user_server on a port that stays the same.
class ServerProgram {
 public:
  explicit ServerProgram(std::vector<std::string> flags) : flags_(std::move(flags)) { Start(OwnAddress() + ":0"); }

  const std::string& address() const { return address_; }

  /// SIGKILL, in the midst of whatever it does.
  void Kill() {
    program_->Signal(SIGKILL);
    program_->Wait();
  }
  void Restart() { Start(address_); }

 private:
  void Start(const std::string& address) {
    std::vector<std::string> arguments = {USER_SERVER_PROGRAM, "--listen", address, "--log", "none"};
    arguments.insert(arguments.end(), flags_.begin(), flags_.end());
    program_ = std::make_unique<Program>(arguments);
    const std::string line = program_->ReadLine();
    const std::string prefix = "listening on ";
    ASSERT_TRUE(line.starts_with(prefix)) << line;
    address_ = line.substr(prefix.size());
  }

  const std::vector<std::string> flags_;
  std::unique_ptr<Program> program_;
  std::string address_;
};

std::vector<json> JsonLines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line, nullptr, /*allow_exceptions=*/false));
  return lines;
}

std::vector<std::string> CommandLine(const ServerProgram& server, const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {USERCTL_PROGRAM, "--target", server.address()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Program::Result Userctl(const ServerProgram& server, const std::vector<std::string>& arguments) {
  return Program(CommandLine(server, arguments)).Wait();
}

// ---- activity

std::vector<std::string> Seeded(std::vector<std::string> flags = {}) {
  flags.insert(flags.end(), {"--seed-users", "1", "--seed-activity", "20"});
  return flags;
}

class UserctlActivityTest : public ::testing::Test {
 protected:
  void StartServer(const std::string& faults = {}) {
    server_ = std::make_unique<ServerProgram>(faults.empty() ? Seeded() : Seeded({"--faults", faults}));
  }

  /// The ids of the events on these lines.
  static std::vector<std::string> Ids(const std::string& json_lines) {
    std::vector<std::string> ids;
    for (const json& event : JsonLines(json_lines)) ids.push_back(event.value("event_id", ""));
    return ids;
  }

  /// Those from the first to the last number.
  static std::vector<std::string> IdsBetween(int first, int last) {
    std::vector<std::string> ids;
    for (int i = first; i <= last; ++i) ids.push_back("e-" + std::string(10 - std::to_string(i).size(), '0') + std::to_string(i));
    return ids;
  }

  std::unique_ptr<ServerProgram> server_;
};

TEST_F(UserctlActivityTest, ShowsATable) {
  StartServer();

  const Program::Result activity = Userctl(*server_, {"activity", "u-1", "--limit", "2"});

  EXPECT_EQ(activity.exit_status, 0) << activity.err;
  EXPECT_THAT(activity.out, MatchesRegex("TIME  +EVENT_ID  +ACTION  +RESOURCE\n"
                                         "[0-9T:Z-]+  e-0000000001  created  +user/u-1\n"
                                         "[0-9T:Z-]+  e-0000000002  [a-z]+  +[a-z]+/1\n"));
  EXPECT_THAT(activity.err, IsEmpty());
}

TEST_F(UserctlActivityTest, IsOneDocumentALineAsJson) {
  StartServer();

  const Program::Result activity = Userctl(*server_, {"--json", "activity", "u-1"});

  EXPECT_EQ(activity.exit_status, 0);
  EXPECT_EQ(Ids(activity.out), IdsBetween(1, 21));
  const json first = JsonLines(activity.out).at(0);
  EXPECT_EQ(first["action"], "created");
  EXPECT_EQ(first["resource"], "user/u-1");
  EXPECT_TRUE(first["timestamp_unix"].is_number_integer());
}

TEST_F(UserctlActivityTest, GoesOnAfterAnEvent) {
  StartServer();

  const Program::Result rest = Userctl(*server_, {"--json", "activity", "u-1", "--after", "e-0000000018"});
  const Program::Result none = Userctl(*server_, {"activity", "u-1", "--after", "e-0000000021"});

  EXPECT_EQ(Ids(rest.out), IdsBetween(19, 21));
  EXPECT_EQ(none.exit_status, 0);
  EXPECT_THAT(none.out, MatchesRegex("TIME .*RESOURCE\n")) << "only the header";
}

TEST_F(UserctlActivityTest, ShowsEveryEventOnceWhenTheConnectionBreaks) {
  StartServer(R"({"faults": [{"method": "StreamActivity", "after": 3, "drop": true}]})");

  const Program::Result activity = Userctl(*server_, {"--json", "--verbose", "--timeout", "60s", "activity", "u-1"});

  EXPECT_EQ(activity.exit_status, 0) << activity.err;
  EXPECT_EQ(Ids(activity.out), IdsBetween(1, 21));
  const json report = JsonLines(activity.err).back()["report"];
  EXPECT_THAT(report["attempts"], SizeIs(::testing::Ge(7)));
  EXPECT_EQ(report["attempts"][1]["reason"], "resume");
}

TEST_F(UserctlActivityTest, TellsOfEveryAttemptIfAskedTo) {
  StartServer(R"({"faults": [{"method": "StreamActivity", "after": 10, "times": 1, "drop": true}]})");

  const Program::Result activity = Userctl(*server_, {"--verbose", "activity", "u-1"});

  EXPECT_EQ(activity.exit_status, 0);
  EXPECT_THAT(activity.err, ContainsRegex("StreamActivity: OK after .*2 attempts(.|\n)*2\\. resumed at "));
}

TEST_F(UserctlActivityTest, AFailureTellsWhereToGoOn) {
  StartServer(R"({"faults": [{"method": "StreamActivity", "after": 5, "status": "PERMISSION_DENIED"}]})");

  const Program::Result text = Userctl(*server_, {"activity", "u-1"});
  const Program::Result as_json = Userctl(*server_, {"--json", "activity", "u-1"});

  EXPECT_EQ(text.exit_status, 71);
  EXPECT_THAT(text.err, AllOf(StartsWith("userctl: activity u-1: PERMISSION_DENIED"),
                              HasSubstr("userctl: not complete, 5 events; what follows: --after e-0000000005\n")));
  EXPECT_EQ(JsonLines(as_json.err).back(),
            json::parse(R"({"summary": {"events": 5, "complete": false, "last_event_id": "e-0000000005"}})"));
}

TEST_F(UserctlActivityTest, CtrlCEndsIt) {
  StartServer(R"({"faults": [{"method": "StreamActivity", "after": 4, "hang": true}]})");
  Program activity(CommandLine(*server_, {"activity", "u-1"}));
  for (int line = 0; line < 5; ++line) activity.ReadLine();

  activity.Signal(SIGINT);
  const Program::Result result = activity.Wait();

  EXPECT_EQ(result.exit_status, kCancelled);
  EXPECT_THAT(result.err, HasSubstr("userctl: not complete, 4 events; what follows: --after e-0000000004\n"));
}

TEST_F(UserctlActivityTest, AReaderThatIsGoneEndsItAtOnce) {
  StartServer(R"({"faults": [{"method": "StreamActivity", "after": 4, "hang": true}]})");
  Program activity(CommandLine(*server_, {"activity", "u-1"}));
  for (int line = 0; line < 5; ++line) activity.ReadLine();

  activity.CloseOutput();
  const Program::Result result = activity.Wait();

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(UserctlActivityTest, WhatTheServerRefusesIsAFailedCall) {
  StartServer();

  EXPECT_EQ(Userctl(*server_, {"activity", "nobody"}).exit_status, kNotFound);
  EXPECT_EQ(Userctl(*server_, {"activity", "u-1", "--after", "e-0000000099"}).exit_status, kOutOfRange);
  EXPECT_EQ(Userctl(*server_, {"activity"}).exit_status, kWrongUsage);
  EXPECT_EQ(Userctl(*server_, {"activity", "u-1", "--limit", "0"}).exit_status, kWrongUsage);
}

// ---- watch

class UserctlWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string file = (files_ / "users.db").string();
    server_ =
        std::make_unique<ServerProgram>(std::vector<std::string>{"--store", "sqlite:" + file, "--watch-heartbeat", "100ms"});
    store_ = OpenSqliteUserStore(file).value();
  }

  void Create(int number) {
    const auto created = store_->Create({.email = absl::StrCat("user", number, "@example.org"), .display_name = "User"});
    ASSERT_TRUE(created.ok()) << created.status();
  }

  /// Started, and told that from here on nothing is missed.
  std::unique_ptr<Program> Watch(const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> all = {"watch"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    auto watch = std::make_unique<Program>(CommandLine(*server_, all));
    EXPECT_EQ(watch->ReadErrorLine(), "userctl: watching; Ctrl-C ends it");
    return watch;
  }

  /// What `watch` tells to go on with.
  static std::string TokenIn(const std::string& err) {
    const std::string before = "what follows: --from ";
    const size_t begin = err.find(before);
    if (begin == std::string::npos) return "";
    return err.substr(begin + before.size(), err.find('\n', begin) - begin - before.size());
  }

  const TemporaryDirectory files_;
  std::unique_ptr<ServerProgram> server_;
  std::shared_ptr<UserStore> store_;
};

TEST_F(UserctlWatchTest, ShowsWhatHappens) {
  const auto watch = Watch();

  Create(1);

  EXPECT_THAT(watch->ReadLine(), MatchesRegex("CHANGE +USER_ID +EMAIL +CREATED_AT +STATUS +DISPLAY_NAME"));
  EXPECT_THAT(watch->ReadLine(), MatchesRegex("created  u-1 +user1@example.org +[0-9T:Z-]+  active +User"));
}

TEST_F(UserctlWatchTest, SurvivesTheDeathOfItsServer) {
  const auto watch = Watch({"--verbose"});
  Create(1);
  watch->ReadLine();
  EXPECT_THAT(watch->ReadLine(), HasSubstr("user1@example.org"));

  server_->Kill();
  Create(2);
  server_->Restart();
  EXPECT_THAT(watch->ReadLine(), HasSubstr("user2@example.org"));
  EXPECT_THAT(watch->ReadErrorLine(), ContainsRegex("WatchUsers: broke off after .*; goes on with attempt 2, ")) << "at once";
  Create(3);
  EXPECT_THAT(watch->ReadLine(), HasSubstr("user3@example.org"));

  watch->Signal(SIGINT);
  const Program::Result result = watch->Wait();
  EXPECT_EQ(result.exit_status, kCancelled);
  EXPECT_THAT(result.out, IsEmpty()) << "nothing came twice";
  EXPECT_THAT(result.err, AllOf(ContainsRegex("[0-9]+\\. resumed at "), HasSubstr("userctl: 3 changes; what follows: --from ")));
}

TEST_F(UserctlWatchTest, AnotherWatchGoesOnWhereOneEnded) {
  std::string err;
  {
    const auto watch = Watch();
    Create(1);
    watch->ReadLine();
    watch->ReadLine();
    watch->Signal(SIGINT);
    err = watch->Wait().err;
  }
  ASSERT_NE(TokenIn(err), "");
  Create(2);
  Create(3);

  const Program::Result rest = Userctl(*server_, {"--json", "watch", "--from", TokenIn(err), "--until-idle", "5s"});

  EXPECT_EQ(rest.exit_status, 0) << rest.err;
  const std::vector<json> changes = JsonLines(rest.out);
  ASSERT_THAT(changes, SizeIs(2));
  EXPECT_EQ(changes[0]["user"]["email"], "user2@example.org");
  EXPECT_EQ(changes[0]["kind"], "USER_CHANGE_KIND_CREATED");
  EXPECT_EQ(changes[1]["user"]["email"], "user3@example.org");
  const json summary = JsonLines(rest.err).back()["summary"];
  EXPECT_EQ(summary["changes"], 2);
  EXPECT_EQ(summary["resume_token"], changes[1]["resume_token"]);
}

TEST_F(UserctlWatchTest, AsJsonItTellsWhereItBegins) {
  Program watch(CommandLine(*server_, {"--json", "watch"}));

  const json start = json::parse(watch.ReadErrorLine());

  ASSERT_TRUE(start.contains("watching")) << start;
  Create(1);
  watch.ReadLine();
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait().exit_status, kCancelled);
  const std::string token = start["watching"]["resume_token"];
  const Program::Result again = Userctl(*server_, {"--json", "watch", "--from", token, "--until-idle", "5s"});
  EXPECT_THAT(JsonLines(again.out), SizeIs(1));
}

TEST_F(UserctlWatchTest, AReaderThatIsGoneEndsItAtOnceAlsoWhenNothingHappens) {
  const auto watch = Watch();

  watch->CloseOutput();
  const Program::Result result = watch->Wait();

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(UserctlWatchTest, WaitsForAServerThatIsNotThereYet) {
  server_->Kill();
  Program watch(CommandLine(*server_, {"watch"}));
  EXPECT_THAT(watch.ReadErrorLine(), HasSubstr("has answered yet; it goes on trying, Ctrl-C ends it"));

  server_->Restart();

  EXPECT_EQ(watch.ReadErrorLine(), "userctl: watching; Ctrl-C ends it");
}

TEST_F(UserctlWatchTest, CtrlCEndsItBeforeThereIsAServer) {
  server_->Kill();
  Program watch(CommandLine(*server_, {"watch"}));
  watch.ReadErrorLine();

  watch.Signal(SIGINT);
  const Program::Result result = watch.Wait();

  EXPECT_EQ(result.exit_status, kCancelled);
  EXPECT_THAT(result.err, HasSubstr("userctl: 0 changes\n"));
}

TEST_F(UserctlWatchTest, EndsAtItsTimeout) {
  const Program::Result result = Userctl(*server_, {"--timeout", "5s", "watch"});

  EXPECT_EQ(result.exit_status, kDeadlineExceeded);
  EXPECT_THAT(result.err, HasSubstr("userctl: 0 changes; what follows: --from "));
}

TEST_F(UserctlWatchTest, ATokenThatIsNoneIsAFailedCall) {
  const Program::Result result = Userctl(*server_, {"watch", "--from", "nonsense"});

  EXPECT_EQ(result.exit_status, kInvalidArgument);
  EXPECT_THAT(result.err, ::testing::EndsWith("userctl: 0 changes\n")) << "it is nothing to go on from";
  EXPECT_EQ(Userctl(*server_, {"watch", "--until-idle", "soon"}).exit_status, kWrongUsage);
}

}  // namespace
}  // namespace userclient::testing
