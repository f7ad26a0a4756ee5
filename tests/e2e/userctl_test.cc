// The program userctl as a person and a script meet it: what it prints where, and how it ends. Real servers, real processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/patient_config.h"
#include "tests/e2e/program.h"
#include "tests/e2e/raw_tcp_server.h"
#include "tests/malice/behaviours.h"
#include "tests/server/temporary_directory.h"
#include "userclient/server/user_store.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr int kWrongUsage = 2;
constexpr int kCancelled = 65;
constexpr int kInvalidArgument = 67;
constexpr int kDeadlineExceeded = 68;
constexpr int kNotFound = 69;
constexpr int kAlreadyExists = 70;
constexpr int kPermissionDenied = 71;
constexpr int kFailedPrecondition = 73;
constexpr int kInternal = 77;
constexpr int kUnavailable = 78;

std::vector<std::string> CommandLine(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), USERCTL_PROGRAM);
  return arguments;
}

Program::Result Userctl(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) {
  environment.try_emplace("USERCTL_TARGET", "");
  return Program(CommandLine(std::move(arguments)), environment).Wait();
}

std::vector<json> JsonLines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line, nullptr, /*allow_exceptions=*/false));
  return lines;
}

/// Against a healthy server that knows u-1, u-2 and u-3, unless the test makes it sick; by the config that is built in, with
/// patience.
class UserctlTest : public ::testing::Test {
 protected:
  void SetUp() override { StartServer({.seed_users = 3}); }

  void StartServer(FlakyUserServerOptions options) {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  std::vector<std::string> AtServer(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--target", server_->address(), "--config", config_});
    return arguments;
  }

  Program::Result Call(std::vector<std::string> arguments) const { return Userctl(AtServer(std::move(arguments))); }

  std::optional<FlakyUserServer> server_;

 private:
  const TemporaryDirectory directory_;
  const std::string config_ = directory_.Write("patient.json", PatientConfig(DEFAULT_SERVICE_CONFIG)).string();
};

// ---- get

TEST_F(UserctlTest, GetShowsOneUserAsKeysAndValues) {
  const Program::Result get = Call({"get", "u-1"});

  EXPECT_EQ(get.exit_status, 0);
  EXPECT_THAT(get.out, MatchesRegex("user_id:      u-1\nemail:        user1@example.com\ndisplay_name: User 1\n"
                                    "created_at:   20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z\n"));
  EXPECT_THAT(get.err, IsEmpty());
}

TEST_F(UserctlTest, GetShowsSeveralUsersAsATable) {
  const Program::Result get = Call({"get", "u-1", "u-3"});

  EXPECT_EQ(get.exit_status, 0);
  EXPECT_THAT(get.out, MatchesRegex("USER_ID +EMAIL +CREATED_AT +DISPLAY_NAME\nu-1 +user1@example.com +20[^ ]+Z +User 1\n"
                                    "u-3 +user3@example.com +20[^ ]+Z +User 3\n"));
}

TEST_F(UserctlTest, GetOfAMissingUserIsOneLineOnStandardErrorAndStatus69) {
  const Program::Result get = Call({"get", "u-9"});

  EXPECT_EQ(get.exit_status, kNotFound);
  EXPECT_EQ(get.err, "userctl: get u-9: NOT_FOUND: there is no user with this id\n");
  EXPECT_THAT(get.out, IsEmpty());
}

TEST_F(UserctlTest, GetTriesEveryIdAndEndsWithTheFirstFailure) {
  server_->Script("GetUser", {Ok(), Fail(StatusCode::kPermissionDenied, "not yours"), Fail(StatusCode::kNotFound), Ok()});

  const Program::Result get = Call({"get", "u-1", "u-2", "u-8", "u-3"});

  EXPECT_EQ(get.exit_status, kPermissionDenied);
  EXPECT_THAT(get.out, AllOf(HasSubstr("\nu-1 "), HasSubstr("\nu-3 ")));
  EXPECT_EQ(get.err, "userctl: get u-2: PERMISSION_DENIED: not yours\nuserctl: get u-8: NOT_FOUND: told to fail\n");
}

TEST_F(UserctlTest, GetTakesAnIdThatIsTheNameOfACommand) {
  const Program::Result get = Call({"get", "list"});

  EXPECT_EQ(get.exit_status, kNotFound);
  EXPECT_THAT(get.err, StartsWith("userctl: get list: NOT_FOUND"));
}

TEST_F(UserctlTest, GetAsJsonIsOneDocumentALine) {
  const Program::Result get = Call({"get", "u-1", "u-2", "--json"});

  const std::vector<json> users = JsonLines(get.out);
  ASSERT_EQ(users.size(), 2);
  EXPECT_EQ(users[0]["user_id"], "u-1");
  EXPECT_EQ(users[0]["email"], "user1@example.com");
  EXPECT_EQ(users[0]["display_name"], "User 1");
  EXPECT_TRUE(users[0]["created_at_unix"].is_number_integer());
  EXPECT_EQ(users[1]["user_id"], "u-2");
  EXPECT_THAT(get.err, IsEmpty());
}

TEST_F(UserctlTest, AFailureAsJsonCarriesCodeMessageDetailsAndReport) {
  server_->Script("GetUser", {Fail(StatusCode::kInvalidArgument, "wrong").WithViolation("user_id", "has a space")});

  const Program::Result get = Call({"--json", "get", "u 1"});

  EXPECT_EQ(get.exit_status, kInvalidArgument);
  EXPECT_THAT(get.out, IsEmpty());
  const std::vector<json> lines = JsonLines(get.err);
  ASSERT_EQ(lines.size(), 1);
  const json& error = lines[0]["error"];
  EXPECT_EQ(error["command"], "get u 1");
  EXPECT_EQ(error["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(error["message"], "wrong");
  EXPECT_EQ(error["details"]["field_violations"], json::parse(R"([{"field": "user_id", "description": "has a space"}])"));
  EXPECT_EQ(error["report"]["method"], "user.v1.UserService/GetUser");
  EXPECT_EQ(error["report"]["attempts"].size(), 1);
}

TEST_F(UserctlTest, FieldsThatTheServerFindsWrongAreListed) {
  server_->Script(
      "CreateUser",
      {Fail(StatusCode::kInvalidArgument, "two mistakes").WithViolation("email", "no @").WithViolation("display_name", "rude")});

  const Program::Result create = Call({"create", "--email", "x", "--name", "y"});

  EXPECT_EQ(create.exit_status, kInvalidArgument);
  EXPECT_EQ(create.err, "userctl: create x: INVALID_ARGUMENT: two mistakes\n  email: no @\n  display_name: rude\n");
}

// ---- --verbose

TEST_F(UserctlTest, VerboseTellsEveryAttemptOfACallThatSucceeds) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable, "sick"), Fail(StatusCode::kUnavailable, "still sick"), Ok()});

  const Program::Result get = Call({"--verbose", "get", "u-1"});

  EXPECT_EQ(get.exit_status, 0);
  EXPECT_THAT(get.out, HasSubstr("user1@example.com"));
  EXPECT_THAT(get.err, AllOf(StartsWith("user.v1.UserService/GetUser: OK after "), HasSubstr(", 3 attempts"),
                             HasSubstr("UNAVAILABLE \"sick\""), HasSubstr("UNAVAILABLE \"still sick\""),
                             HasSubstr("ipv4:" + server_->address())));
  EXPECT_EQ(server_->attempts("GetUser"), 3);
}

TEST_F(UserctlTest, VerboseAsJsonIsADocumentForEveryCall) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  const Program::Result get = Call({"--verbose", "--json", "get", "u-1", "u-2"});

  const std::vector<json> reports = JsonLines(get.err);
  ASSERT_EQ(reports.size(), 2);
  EXPECT_EQ(reports[0]["report"]["attempts"][0]["code"], "UNAVAILABLE");
  EXPECT_EQ(reports[0]["report"]["attempts"][1]["code"], "OK");
  EXPECT_EQ(reports[1]["report"]["attempts"].size(), 1);
}

TEST_F(UserctlTest, VerboseTellsOfEveryPageOfAList) {
  const Program::Result list = Call({"--verbose", "--json", "list", "--page-size", "2"});

  EXPECT_EQ(JsonLines(list.err).size(), 2);
}

// ---- list

TEST_F(UserctlTest, ListShowsTheUsersOfAllPagesInATable) {
  const Program::Result list = Call({"list", "--page-size", "2"});

  EXPECT_EQ(list.exit_status, 0);
  EXPECT_THAT(list.out, MatchesRegex("USER_ID [^\n]+ STATUS +DISPLAY_NAME\nu-1 [^\n]+ active +User 1\nu-2 [^\n]+\nu-3 [^\n]+\n"));
  EXPECT_EQ(server_->calls("ListUsers"), 2);
}

TEST_F(UserctlTest, ListAsJsonIsOneDocumentAUser) {
  const Program::Result list = Call({"--json", "list"});

  const std::vector<json> users = JsonLines(list.out);
  ASSERT_EQ(users.size(), 3);
  EXPECT_EQ(users[2]["user_id"], "u-3");
  EXPECT_EQ(users[2]["status"], "USER_STATUS_ACTIVE");
}

TEST_F(UserctlTest, ListStopsAtTheLimitAndFetchesNoMore) {
  const Program::Result list = Call({"--json", "list", "--page-size", "1", "--limit", "2"});

  EXPECT_EQ(list.exit_status, 0);
  EXPECT_EQ(JsonLines(list.out).size(), 2);
  EXPECT_EQ(server_->calls("ListUsers"), 2);
}

TEST_F(UserctlTest, ListShowsWhatCameBeforeAPageThatFails) {
  server_->Script("ListUsers", {Ok(), Fail(StatusCode::kPermissionDenied, "enough")});

  const Program::Result list = Call({"--json", "list", "--page-size", "2"});

  EXPECT_EQ(list.exit_status, kPermissionDenied);
  EXPECT_EQ(JsonLines(list.out).size(), 2);
  EXPECT_EQ(JsonLines(list.err)[0]["error"]["message"], "enough");
}

TEST_F(UserctlTest, ListEndsWhenItsReaderGoes) {
  StartServer({.seed_users = 5000});
  Program list(CommandLine(AtServer({"list", "--page-size", "100"})));

  const std::string header = list.ReadLine();
  list.CloseOutput();
  const Program::Result end = list.Wait();

  EXPECT_THAT(header, StartsWith("USER_ID"));
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_THAT(end.err, IsEmpty());
  EXPECT_THAT(server_->calls("ListUsers"), Lt(25)) << "the pipe holds some pages, not all 50";
}

TEST_F(UserctlTest, AResultThatCannotBeWrittenIsAnError) {
  const std::string run = "exec " + std::string(USERCTL_PROGRAM) + " --target " + server_->address() + " get u-1 ";

  const Program::Result full = Program({"/bin/sh", "-c", run + ">/dev/full"}).Wait();
  const Program::Result closed = Program({"/bin/sh", "-c", run + ">&-"}).Wait();

  EXPECT_EQ(full.exit_status, 1);
  EXPECT_EQ(full.err, "userctl: cannot write to standard output: No space left on device\n");
  EXPECT_EQ(closed.exit_status, 1);
  EXPECT_EQ(closed.err, "userctl: cannot write to standard output: Bad file descriptor\n");
}

TEST_F(UserctlTest, HelpThatCannotBeWrittenIsAnErrorToo) {
  for (const std::string flag : {"--help", "get --help", "--version"}) {
    const Program::Result help = Program({"/bin/sh", "-c", "exec " USERCTL_PROGRAM " " + flag + " >/dev/full"}).Wait();

    EXPECT_EQ(help.exit_status, 1) << flag;
    EXPECT_EQ(help.err, "userctl: cannot write to standard output: No space left on device\n") << flag;
  }
}

// ---- create

TEST_F(UserctlTest, CreateShowsTheNewUser) {
  const Program::Result create = Call({"create", "--email", "ada@example.com", "--name", "Ada Lovelace"});

  EXPECT_EQ(create.exit_status, 0);
  EXPECT_THAT(create.out, MatchesRegex("user_id:      [^\n]+\nemail:        ada@example.com\ndisplay_name: Ada Lovelace\n"
                                       "created_at:   20[^\n]+Z\nstatus:       active\n"));
}

TEST_F(UserctlTest, CreateTwiceWithTheSameKeyShowsTheSameUser) {
  const std::vector<std::string> arguments = {"--json", "create", "--email",           "ada@example.com",
                                              "--name", "Ada",    "--idempotency-key", "signup-1"};

  const Program::Result first = Call(arguments);
  const Program::Result second = Call(arguments);

  EXPECT_EQ(first.exit_status, 0);
  EXPECT_EQ(second.exit_status, 0);
  EXPECT_EQ(JsonLines(first.out)[0]["email"], "ada@example.com");
  EXPECT_EQ(first.out, second.out);
}

TEST_F(UserctlTest, CreateWithTheKeyOfAnotherUserFails) {
  Call({"create", "--email", "ada@example.com", "--name", "Ada", "--idempotency-key", "signup-1"});

  const Program::Result other = Call({"create", "--email", "bob@example.com", "--name", "Bob", "--idempotency-key", "signup-1"});
  const Program::Result taken = Call({"create", "--email", "ada@example.com", "--name", "Ada"});

  EXPECT_EQ(other.exit_status, kFailedPrecondition);
  EXPECT_EQ(taken.exit_status, kAlreadyExists);
}

// ---- health

TEST_F(UserctlTest, HealthOfAServerThatServes) {
  const Program::Result overall = Call({"health"});
  const Program::Result service = Call({"health", "user.v1.UserService", "--json"});
  const Program::Result unknown = Call({"health", "no.such.Service"});

  EXPECT_EQ(overall.exit_status, 0);
  EXPECT_EQ(overall.out, "the server: SERVING\n");
  EXPECT_EQ(service.exit_status, 0);
  EXPECT_EQ(service.out, "{\"service\":\"user.v1.UserService\",\"status\":\"SERVING\"}\n");
  EXPECT_EQ(unknown.exit_status, kNotFound);
  EXPECT_EQ(unknown.out, "no.such.Service: SERVICE_UNKNOWN\n");
}

TEST_F(UserctlTest, HealthOfAServerThatDrains) {
  Program server(
      {USER_SERVER_PROGRAM, "--listen", "127.0.0.1:0", "--drain-limit", "60s", "--drain-notice", "60s", "--log", "none"});
  const std::string address = server.ReadLine().substr(std::string("listening on ").size());
  server.Signal(SIGTERM);

  Program::Result health;
  do {
    health = Userctl({"--target", address, "health"});
  } while (health.exit_status == 0);

  EXPECT_EQ(health.exit_status, kUnavailable);
  EXPECT_EQ(health.out, "the server: NOT_SERVING\n");
}

// ---- config check

TEST(UserctlConfigTest, ChecksAGoodFileWithoutATarget) {
  const Program::Result check = Userctl({"config", "check", DEFAULT_SERVICE_CONFIG});

  EXPECT_EQ(check.exit_status, 0);
  EXPECT_EQ(check.out, std::string(DEFAULT_SERVICE_CONFIG) + ": OK\n");
  EXPECT_THAT(check.err, IsEmpty());
}

TEST(UserctlConfigTest, TellsEveryMistakeInABadFile) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write("bad.json", R"({"methodConfig": [{"name": [{}], "timeout": "1s", "retryPolicy": {
      "maxAttempts": 1, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]}}]})");

  const Program::Result check = Userctl({"config", "check", file});

  EXPECT_EQ(check.exit_status, kWrongUsage);
  EXPECT_THAT(check.out, IsEmpty());
  EXPECT_EQ(check.err, "userctl: " + file + ": methodConfig[0].retryPolicy.maxAttempts: must be at least 2\n");
}

TEST(UserctlConfigTest, TellsWhatAFileGetsWrongAboutTheService) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write(
      "other.json", R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUsr"}], "timeout": "1s"}]})");

  const Program::Result check = Userctl({"config", "check", file});

  EXPECT_EQ(check.exit_status, kWrongUsage);
  EXPECT_THAT(check.err, AllOf(StartsWith("userctl: " + file + ": methodConfig[0].name[0]"), HasSubstr("GetUsr")));
}

TEST(UserctlConfigTest, AFileThatCannotBeReadIsNamed) {
  const Program::Result check = Userctl({"--json", "config", "check", "/no/such/file.json"});

  EXPECT_EQ(check.exit_status, kWrongUsage);
  EXPECT_EQ(JsonLines(check.err)[0]["error"]["code"], "NOT_FOUND");
  EXPECT_EQ(JsonLines(check.err)[0]["error"]["message"], "/no/such/file.json: cannot be read: No such file or directory");
}

TEST_F(UserctlTest, ACallWithAConfigThatCannotBeUsedIsWrongUsage) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write("bad.json", R"({"metodConfig": []})");

  const Program::Result unreadable = Userctl({"--target", server_->address(), "--config", "/no/such/file.json", "get", "u-1"});
  const Program::Result wrong = Userctl({"--target", server_->address(), "--config", file, "get", "u-1"});

  EXPECT_EQ(unreadable.exit_status, kWrongUsage);
  EXPECT_EQ(unreadable.err, "userctl: /no/such/file.json: cannot be read: No such file or directory\n");
  EXPECT_EQ(wrong.exit_status, kWrongUsage);
  EXPECT_THAT(wrong.err, AllOf(StartsWith("userctl: " + file + ": metodConfig: "), HasSubstr("methodConfig")));
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(UserctlTest, ACallFollowsTheConfigOnTheCommandLine) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write("no_retries.json", R"({"methodConfig": [{"name": [{}], "timeout": "20s"}]})");
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable, "sick")});

  const Program::Result get = Userctl({"--target", server_->address(), "--config", file, "get", "u-1"});

  EXPECT_EQ(get.exit_status, kUnavailable);
  EXPECT_EQ(get.err, "userctl: get u-1: UNAVAILABLE: sick\n");
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

// ---- servers that are not there, or no servers

TEST(UserctlUnreachableTest, AClosedPortFailsQuicklyWithAHint) {
  const ClosedPort closed;
  const auto start = std::chrono::steady_clock::now();

  const Program::Result get = Userctl({"--target", closed.address(), "--timeout", "60s", "get", "u-1"});

  EXPECT_EQ(get.exit_status, kUnavailable);
  EXPECT_THAT(get.err,
              AllOf(StartsWith("userctl: get u-1: UNAVAILABLE: "), HasSubstr("Connection refused"),
                    EndsWith("\nhint: is a server listening at " + closed.address() + "? Nothing accepts connections there\n")));
  EXPECT_THAT(std::chrono::steady_clock::now() - start, Lt(20s));
}

TEST(UserctlUnreachableTest, AServerThatTalksGarbageIsAnErrorWithAHint) {
  const RawTcpServer garbage(std::string("\x00\xff\x13\x37 not HTTP/2 \x1b[2J\r\n", 22));
  const RawTcpServer http1("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");

  const Program::Result from_garbage = Userctl({"--target", garbage.address(), "--timeout", "10s", "get", "u-1"});
  const Program::Result from_http1 = Userctl({"--target", http1.address(), "--timeout", "10s", "health"});

  EXPECT_EQ(from_garbage.exit_status, kUnavailable);
  EXPECT_THAT(from_garbage.err, AllOf(HasSubstr("\nhint: something listens at " + garbage.address()), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(from_http1.exit_status, kUnavailable);
  EXPECT_THAT(from_http1.err, HasSubstr("\nhint: something listens at " + http1.address()));
}

TEST_F(UserctlTest, AServerThatSaysNoMoreThanTheCodeIsQuotedWithThat) {
  server_->Script("GetUser", {Fail(StatusCode::kPermissionDenied, "")});

  const Program::Result get = Call({"get", "u-1"});

  EXPECT_EQ(get.exit_status, kPermissionDenied);
  EXPECT_EQ(get.err, "userctl: get u-1: PERMISSION_DENIED\n");
}

TEST(UserctlUnreachableTest, AProxyThatAnswersForTheServerIsAnErrorWithAHint) {
  const MaliciousServer proxy(AnswerWith([](uint32_t stream) {
    return Headers(stream, {{":status", "502"}, {"content-type", "text/html"}}, kEndHeaders | kEndStream);
  }));

  const Program::Result get = Userctl({"--target", proxy.address(), "get", "u-1"});

  EXPECT_EQ(get.exit_status, kUnavailable);
  EXPECT_THAT(get.err, AllOf(HasSubstr("502"), HasSubstr("\nhint: what answered at " + proxy.address() + " is no gRPC server")));
}

TEST(UserctlUnreachableTest, AServerThatSaysNothingEndsAtTheTimeout) {
  const RawTcpServer silent("");
  const auto start = std::chrono::steady_clock::now();

  const Program::Result get = Userctl({"--target", silent.address(), "--timeout", "300ms", "get", "u-1"});

  EXPECT_EQ(get.exit_status, kDeadlineExceeded);
  EXPECT_THAT(get.err, AllOf(StartsWith("userctl: get u-1: DEADLINE_EXCEEDED: "),
                             HasSubstr("\nhint: no answer from " + silent.address())));
  EXPECT_THAT(std::chrono::steady_clock::now() - start, Lt(20s));
}

TEST_F(UserctlTest, AnAnswerThatIsNoMessageIsAnError) {
  server_->Script("GetUser", {Garbage()});

  const Program::Result get = Call({"get", "u-1"});

  EXPECT_EQ(get.exit_status, kInternal);
  EXPECT_THAT(get.out, IsEmpty());
  EXPECT_THAT(get.err, StartsWith("userctl: get u-1: INTERNAL: "));
}

TEST_F(UserctlTest, TlsToAServerInPlainTextIsAnErrorWithAHint) {
  const Program::Result get = Call({"--tls", "--timeout", "10s", "get", "u-1"});

  EXPECT_EQ(get.exit_status, kUnavailable);
  EXPECT_THAT(get.err, HasSubstr("\nhint: " + server_->address() + " does not speak TLS"));
}

// ---- wrong usage

struct WrongUsage {
  std::string name;
  std::vector<std::string> arguments;
  std::string said;

  friend void PrintTo(const WrongUsage& usage, std::ostream* stream) { *stream << usage.name; }
};

class UserctlUsageTest : public ::testing::TestWithParam<WrongUsage> {};

TEST_P(UserctlUsageTest, IsToldClearlyAndEndsWithStatus2) {
  const Program::Result run = Userctl(GetParam().arguments);

  EXPECT_EQ(run.exit_status, kWrongUsage);
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(run.err, AllOf(StartsWith("userctl: "), HasSubstr(GetParam().said)));
}

INSTANTIATE_TEST_SUITE_P(
    All, UserctlUsageTest,
    ::testing::Values(
        WrongUsage{"NoCommand", {}, "a command is missing; userctl has: get, list, create"},
        WrongUsage{"UnknownCommand", {"gte", "u-1"}, "there is no command \"gte\"; userctl has: get"},
        WrongUsage{"UnknownConfigCommand", {"config", "chek", "f"}, "there is no command \"chek\"; config has: check, explain"},
        WrongUsage{"UnknownFlag", {"--target", "127.0.0.1:1", "--verbos", "get", "u-1"}, "there is no flag --verbos for get\n"},
        WrongUsage{"UnknownFlagAlone", {"--verbos"}, "there is no flag --verbos\n"},
        WrongUsage{"UnknownFlagOfACommand",
                   {"--target", "127.0.0.1:1", "get", "u-1", "--limit", "1"},
                   "there is no flag --limit for get\n"},
        WrongUsage{"MisspeltFlagThatIsNeeded", {"create", "--emial", "a@b.c", "--name", "A"}, "no flag --emial for create\n"},
        WrongUsage{"OneArgumentTooMany", {"activity", "u-1", "u-2"}, "\"u-2\" is one argument too many for activity\n"},
        WrongUsage{"FlagTwice", {"--timeout", "1s", "--timeout", "2s", "list"}, "--timeout is given 2 times\n"},
        WrongUsage{"FlagOfACommandTwice", {"list", "--limit", "1", "--limit", "2"}, "--limit is given 2 times\n"},
        WrongUsage{"FlagWithoutValue", {"get", "u-1", "--timeout"}, "--timeout needs a value\n"},
        WrongUsage{"ControlCharactersOfTheCommandLine", {"\x1b[31m"}, "there is no command \"\\x1b[31m\""},
        WrongUsage{"NoId", {"--target", "127.0.0.1:1", "get"}, "ID is required"},
        WrongUsage{"NoName", {"--target", "127.0.0.1:1", "create", "--email", "a@b.c"}, "--name is required"},
        WrongUsage{"NoTarget", {"get", "u-1"}, "give --target HOST:PORT, or set USERCTL_TARGET"},
        WrongUsage{"TargetWithoutPort",
                   {"--target", "localhost", "get", "u-1"},
                   "target \"localhost\": names no port; write localhost:50051"},
        WrongUsage{"TargetWithAnotherScheme", {"--target", "http://localhost:1", "get", "u-1"}, "target \"http://localhost:1\""},
        WrongUsage{"PageSizeOfZero", {"--target", "127.0.0.1:1", "list", "--page-size", "0"}, "--page-size"},
        WrongUsage{"LimitOfZero", {"list", "--limit", "0"}, "--limit: \"0\" is no whole number of 1 or more\n"},
        WrongUsage{"LimitThatDoesNotFit",
                   {"list", "--limit", "9223372036854775808"},
                   "--limit: \"9223372036854775808\" is no whole number of 1 or more\n"},
        WrongUsage{"LimitThatMayBeOctal", {"list", "--limit", "010"}, "--limit: \"010\" is no whole number"},
        WrongUsage{"LimitInHexadecimal", {"list", "--limit", "0x10"}, "--limit: \"0x10\" is no whole number"},
        WrongUsage{"LimitWithAFraction", {"list", "--limit", "1.5"}, "--limit: \"1.5\" is no whole number"},
        WrongUsage{"PageSizeOfNothing", {"list", "--page-size", ""}, "--page-size: \"\" is no whole number from 1 to 1000\n"},
        WrongUsage{"FromLineZero", {"import", "-", "--from-line", "0"}, "--from-line: \"0\" is no whole number of 1 or more\n"},
        WrongUsage{"IdThatIsNotUtf8", {"get", "u-\xff"}, "ID: \"u-\\xff\" is not UTF-8\n"},
        WrongUsage{"NameThatIsNotUtf8", {"create", "--email", "a@b.c", "--name", "\xff"}, "--name: \"\\xff\" is not UTF-8\n"},
        WrongUsage{"ServiceThatIsNotUtf8", {"health", "\xff"}, "SERVICE: \"\\xff\" is not UTF-8\n"},
        // As with "$KEY" where KEY is not set.
        WrongUsage{"IdempotencyKeyOfNothing",
                   {"create", "--email", "a@b.c", "--name", "A", "--idempotency-key", ""},
                   "--idempotency-key: is empty; give it a value, or leave it out\n"},
        WrongUsage{"ResumeTokenOfNothing", {"watch", "--from", ""}, "--from: is empty"},
        WrongUsage{"EventOfNothing", {"activity", "u-1", "--after", ""}, "--after: is empty"},
        WrongUsage{"ConfigOfNothing", {"--config", "", "list"}, "--config: no file is named\n"},
        WrongUsage{"IntervalWithoutWatch", {"resolve", "--interval", "1s"}, "--interval requires --watch\n"},
        WrongUsage{"ServiceOfNamesOnly", {"resolve", "--names-only", "user.v1.UserService"}, "excludes"},
        WrongUsage{
            "KeyOfACertificateAfterCreate",
            {"--target", "127.0.0.1:1", "create", "--email", "a@b.c", "--name", "A", "--cert", "/no.pem", "--key", "/no.key"},
            "--cert: cannot read /no.pem"},
        WrongUsage{"TimeoutWithoutUnit",
                   {"--timeout", "5", "get", "u-1"},
                   "--timeout: \"5\" has no unit; write for example 200ms, 1.5s or 2m"},
        WrongUsage{
            "TimeoutOfAnotherUnit", {"--timeout", "5parsecs", "get", "u-1"}, "--timeout: \"5parsecs\" is no duration; write"},
        WrongUsage{"TimeoutOfNothing", {"--timeout", "0s", "get", "u-1"}, "--timeout: \"0s\" is not more than 0"},
        WrongUsage{"TimeoutBelowZero", {"--timeout=-1s", "get", "u-1"}, "--timeout: \"-1s\" is no duration"},
        WrongUsage{"TimeoutOfWeeks", {"--timeout", "200h", "get", "u-1"}, "--timeout: \"200h\" is more than a day"},
        WrongUsage{"TimeoutOfWords", {"--timeout", "infs", "get", "u-1"}, "--timeout: \"infs\" is no duration"},
        WrongUsage{"TimeoutHalfWritten", {"--timeout", "1.s", "get", "u-1"}, "--timeout: \"1.s\" is no duration"},
        WrongUsage{"CertificateWithoutKey", {"--cert", "c.pem", "get", "u-1"}, "--cert needs --key FILE"},
        WrongUsage{"KeyWithoutCertificate", {"--key", "k.pem", "get", "u-1"}, "--key needs --cert FILE"},
        WrongUsage{"TokenInPlainText", {"--token-file", "t", "get", "u-1"}, "--token-file needs TLS"},
        WrongUsage{
            "MissingCa", {"--target", "127.0.0.1:1", "--ca", "/no/such.pem", "get", "u-1"}, "--ca: cannot read /no/such.pem"},
        WrongUsage{"CaThatIsNone",
                   {"--target", "127.0.0.1:1", "--ca", DEFAULT_SERVICE_CONFIG, "get", "u-1"},
                   "holds no CERTIFICATE in PEM form"}),
    [](const auto& usage) { return usage.param.name; });

TEST(UserctlUsageJsonTest, IsADocumentWhereverItIsFound) {
  // By the parser, by what must go together, by the connection.
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--json", "get"}, {"list", "--json", "--limit", "0"}, {"--json", "--key", "k", "list"}, {"--json", "list"}}) {
    const Program::Result run = Userctl(wrong);

    EXPECT_EQ(run.exit_status, kWrongUsage) << wrong.back();
    ASSERT_EQ(JsonLines(run.err).size(), 1) << run.err;
    EXPECT_EQ(JsonLines(run.err)[0]["error"]["code"], "INVALID_ARGUMENT") << run.err;
  }
}

TEST_F(UserctlTest, TheTargetMayComeFromTheEnvironment) {
  const Program::Result get = Userctl({"--json", "get", "u-1"}, {{"USERCTL_TARGET", server_->address()}});

  EXPECT_EQ(get.exit_status, 0);
  EXPECT_EQ(JsonLines(get.out)[0]["user_id"], "u-1");
}

TEST(UserctlHelpTest, OfEveryCommandIsEnoughOnItsOwn) {
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"get"}, {"list"}, {"create"}, {"health"}, {"config", "check"}, {"config", "explain"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");

    const Program::Result help = Userctl(arguments);

    EXPECT_EQ(help.exit_status, 0);
    EXPECT_THAT(help.out, AllOf(HasSubstr("userctl " + command.front()), HasSubstr("--timeout D"), HasSubstr("Example")));
  }
}

TEST(UserctlHelpTest, NamesTheExitStatusesAndThePlainTextDefault) {
  const Program::Result help = Userctl({"--help"});

  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("\nCommands:\n"), HasSubstr("Exit status"), HasSubstr("69 NOT_FOUND"),
                              HasSubstr("plain text"), HasSubstr("USERCTL_TARGET")));
}

TEST(UserctlHelpTest, HasAVersion) {
  const Program::Result version = Userctl({"--version"});

  EXPECT_EQ(version.exit_status, 0);
  EXPECT_THAT(version.out, MatchesRegex("userctl [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

// ---- Ctrl-C

TEST_F(UserctlTest, CtrlCCancelsTheRunningCall) {
  server_->Script("GetUser", {Hang()});
  Program get(CommandLine(AtServer({"--timeout", "60s", "get", "u-1", "u-2"})));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  get.Signal(SIGINT);
  const Program::Result end = get.Wait();

  EXPECT_EQ(end.exit_status, kCancelled);
  EXPECT_THAT(end.err, StartsWith("userctl: get u-1: CANCELLED: "));
  EXPECT_EQ(server_->attempts("GetUser"), 1) << "u-2 is not tried any more";
}

TEST_F(UserctlTest, CtrlCEndsTheWaitBetweenAttempts) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable).WithPushback(50s)});
  Program get(CommandLine(AtServer({"--timeout", "60s", "get", "u-1"})));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  get.Signal(SIGINT);
  const Program::Result end = get.Wait(20s);

  EXPECT_EQ(end.exit_status, kCancelled);
}

// ---- what servers send is shown, not obeyed

TEST_F(UserctlTest, ControlCharactersFromAServerNeverReachTheTerminal) {
  const std::shared_ptr<UserStore> store = MakeMemoryUserStore();
  ASSERT_TRUE(store->Create({.email = "eve@example.com", .display_name = "Eve\x1b[2J\r\n\xc2\x9b\xe2\x80\xaeZo\xc3\xab"}).ok());
  StartServer({.store = store});
  server_->Script("GetUser",
                  {Fail(StatusCode::kInternal, "boo\x1b]0;title\x07\nuserctl: all is well").WithViolation("a\nb", "\x7f")});

  const Program::Result list = Call({"list"});
  const Program::Result list_json = Call({"--json", "list"});
  const Program::Result get = Call({"--verbose", "get", "u-1"});

  EXPECT_THAT(list.out, HasSubstr("Eve\\x1b[2J\\r\\n\\u009b\\u202eZo\xc3\xab\n"));
  EXPECT_EQ(JsonLines(list_json.out)[0]["display_name"], "Eve\x1b[2J\r\n\xc2\x9b\xe2\x80\xaeZo\xc3\xab");
  EXPECT_THAT(list_json.out, Not(HasSubstr("\xc2\x9b")));
  EXPECT_EQ(get.exit_status, kInternal);
  EXPECT_THAT(get.err,
              AllOf(HasSubstr("\nuserctl: get u-1: INTERNAL: boo\\x1b]0;title\\x07\\nuserctl: all is well\n  a\\nb: \\x7f\n"),
                    Not(HasSubstr("\x1b")), Not(HasSubstr("\nuserctl: all"))));
}

}  // namespace
}  // namespace userclient::testing
