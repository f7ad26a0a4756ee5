// userctl lookup, as a person meets it.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/program.h"
#include "tests/server/temporary_directory.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr int kWrongUsage = 2;
constexpr int kCancelled = 65;
constexpr int kInvalidArgument = 67;
constexpr int kDeadlineExceeded = 68;
constexpr int kNotFound = 69;
constexpr int kPermissionDenied = 71;
constexpr char kLookup[] = "LookupUsers";

std::vector<json> JsonLines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line, nullptr, /*allow_exceptions=*/false));
  return lines;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// A pipe with a name, which does not end for its reader while this lives.
class OpenPipe {
 public:
  explicit OpenPipe(std::string path) : path_(std::move(path)) {
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    writer_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  }
  ~OpenPipe() { close(writer_); }
  OpenPipe(const OpenPipe&) = delete;
  OpenPipe& operator=(const OpenPipe&) = delete;

  const std::string& path() const { return path_; }
  void Write(std::string_view text) const {
    EXPECT_EQ(write(writer_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

 private:
  const std::string path_;
  int writer_ = -1;
};

class UserctlLookupTest : public ::testing::Test {
 protected:
  void SetUp() override { server_.emplace(FlakyUserServer::Start({.seed_users = 3}).value()); }

  std::vector<std::string> CommandLine(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {USERCTL_PROGRAM, "--target", server_->address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  Program::Result Userctl(const std::vector<std::string>& arguments) const { return Program(CommandLine(arguments)).Wait(); }

  /// Runs `userctl FLAGS lookup -` at the end of a pipe that this shell command begins.
  std::vector<std::string> Pipe(const std::string& command, const std::string& flags = "") const {
    return {"/bin/sh", "-c",
            absl::StrCat(command, " | exec ", USERCTL_PROGRAM, " --target ", server_->address(), " ", flags, " lookup -")};
  }

  /// `userctl --json lookup -` that reads from this.
  std::vector<std::string> From(const OpenPipe& pipe) const {
    return {"/bin/sh", "-c",
            absl::StrCat("exec ", USERCTL_PROGRAM, " --target ", server_->address(), " --json lookup - < ", pipe.path())};
  }

  const TemporaryDirectory files_;
  std::optional<FlakyUserServer> server_;
};

TEST_F(UserctlLookupTest, ShowsOneUserLineByLine) {
  const Program::Result lookup = Userctl({"lookup", "u-2"});

  EXPECT_EQ(lookup.exit_status, 0) << lookup.err;
  EXPECT_THAT(lookup.out, StartsWith("user_id:      u-2\nemail:        user2@example.com\n"));
  EXPECT_THAT(lookup.out, HasSubstr("status:       active\n"));
  EXPECT_THAT(lookup.err, IsEmpty());
}

TEST_F(UserctlLookupTest, ShowsSeveralAsATableInTheOrderOfTheirIds) {
  const Program::Result lookup = Userctl({"lookup", "u-3", "u-1"});

  EXPECT_EQ(lookup.exit_status, 0) << lookup.err;
  EXPECT_THAT(Lines(lookup.out), ElementsAre(StartsWith("USER_ID"), StartsWith("u-3 "), StartsWith("u-1 ")));
  EXPECT_EQ(server_->attempts(kLookup), 1);
}

TEST_F(UserctlLookupTest, TellsOfIdsThatNobodyHasAndGoesOn) {
  const Program::Result lookup = Userctl({"lookup", "nobody", "u-1"});

  EXPECT_EQ(lookup.exit_status, kNotFound);
  EXPECT_THAT(Lines(lookup.out), ElementsAre(StartsWith("USER_ID"), StartsWith("u-1 ")));
  EXPECT_THAT(lookup.err, StartsWith("userctl: lookup nobody: NOT_FOUND: no user has this id\n"));
}

TEST_F(UserctlLookupTest, GivesProgramsEveryAnswerAsALine) {
  const Program::Result lookup = Userctl({"--json", "lookup", "u-1", "nobody", "u-2"});

  EXPECT_EQ(lookup.exit_status, kNotFound);
  const std::vector<json> lines = JsonLines(lookup.out);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0]["email"], "user1@example.com");
  EXPECT_EQ(lines[0]["status"], "USER_STATUS_ACTIVE");
  EXPECT_EQ(lines[1], json({{"user_id", "nobody"}, {"not_found", true}}));
  EXPECT_EQ(lines[2]["user_id"], "u-2");
  EXPECT_THAT(lookup.err, IsEmpty());
}

TEST_F(UserctlLookupTest, AWrongIdDoesNotStopTheOthers) {
  const Program::Result lookup = Userctl({"lookup", "u-1", "", "u-2"});

  EXPECT_EQ(lookup.exit_status, kInvalidArgument);
  EXPECT_THAT(Lines(lookup.out), ElementsAre(StartsWith("USER_ID"), StartsWith("u-1 "), StartsWith("u-2 ")));
  EXPECT_THAT(lookup.err, StartsWith("userctl: lookup \"\": INVALID_ARGUMENT: "));
}

TEST_F(UserctlLookupTest, TellsOnceOfWhatFailsForAll) {
  server_->Script(kLookup, {Fail(StatusCode::kPermissionDenied, "not you").After(1)});

  const Program::Result lookup = Userctl({"lookup", "u-1", "u-2", "u-3"});

  EXPECT_EQ(lookup.exit_status, kPermissionDenied);
  EXPECT_THAT(Lines(lookup.out), ElementsAre(StartsWith("USER_ID"), StartsWith("u-1 ")));
  EXPECT_THAT(lookup.err, StartsWith("userctl: lookup u-2: PERMISSION_DENIED: not you"));
  EXPECT_THAT(lookup.err, Not(HasSubstr("u-3")));
}

TEST_F(UserctlLookupTest, DoesNotNoticeAServerThatDies) {
  server_->Script(kLookup, {Drop().After(1), Ok()});

  const Program::Result lookup = Userctl({"--verbose", "lookup", "u-1", "u-2", "u-3"});

  EXPECT_EQ(lookup.exit_status, 0) << lookup.err;
  EXPECT_THAT(Lines(lookup.out), SizeIs(4));
  EXPECT_THAT(lookup.err, HasSubstr("resume"));
}

TEST_F(UserctlLookupTest, TakesManyIdsFromStandardInput) {
  const Program::Result lookup = Program(Pipe("seq 1 20000 | sed 's/^/u-/'", "--json")).Wait();

  EXPECT_EQ(lookup.exit_status, kNotFound) << lookup.err;
  const std::vector<std::string> lines = Lines(lookup.out);
  ASSERT_THAT(lines, SizeIs(20000));
  EXPECT_THAT(lines.front(), HasSubstr("user1@example.com"));
  EXPECT_EQ(lines.back(), R"({"user_id":"u-20000","not_found":true})");
  EXPECT_EQ(server_->attempts(kLookup), 1);
}

TEST_F(UserctlLookupTest, TakesLinesAsPeopleWriteThem) {
  const Program::Result lookup = Program(Pipe(R"(printf 'u-1\r\n\n  u-2  \nu-3')")).Wait();

  EXPECT_EQ(lookup.exit_status, 0) << lookup.err;
  EXPECT_THAT(Lines(lookup.out), ElementsAre(StartsWith("USER_ID"), StartsWith("u-1 "), StartsWith("u-2 "), StartsWith("u-3 ")));
}

TEST_F(UserctlLookupTest, ALineThatIsNotUtf8IsNotSentAndDoesNotStopTheOthers) {
  const Program::Result lookup = Program(Pipe(R"(printf 'u-1\n\377\nu-2\n')")).Wait();

  EXPECT_EQ(lookup.exit_status, kInvalidArgument);
  EXPECT_EQ(lookup.err, "userctl: lookup \\xff: INVALID_ARGUMENT: the id is not UTF-8; nothing was sent\n");
  EXPECT_THAT(Lines(lookup.out), ElementsAre(StartsWith("USER_ID"), StartsWith("u-1 "), StartsWith("u-2 ")));
}

TEST_F(UserctlLookupTest, NoLinesAreNoMistake) {
  const Program::Result lookup = Program(Pipe("true")).Wait();

  EXPECT_EQ(lookup.exit_status, 0) << lookup.err;
  EXPECT_THAT(lookup.out, IsEmpty());
  EXPECT_EQ(server_->attempts(kLookup), 0);
}

TEST_F(UserctlLookupTest, ShowsEachAnswerBeforeTheNextIdIsThere) {
  const OpenPipe pipe(files_ / "ids");
  Program lookup(From(pipe));

  pipe.Write("u-1\n");
  EXPECT_THAT(lookup.ReadLine(), HasSubstr("user1@example.com"));
  pipe.Write("u-2\n");
  EXPECT_THAT(lookup.ReadLine(), HasSubstr("user2@example.com"));
}

TEST_F(UserctlLookupTest, CtrlCEndsItWhileItWaitsForIds) {
  const OpenPipe pipe(files_ / "ids");
  Program lookup(From(pipe));
  pipe.Write("u-1\n");
  EXPECT_THAT(lookup.ReadLine(), HasSubstr("user1@example.com"));

  lookup.Signal(SIGINT);

  EXPECT_EQ(lookup.Wait().exit_status, kCancelled);
}

TEST_F(UserctlLookupTest, AFailureEndsItWhileItWaitsForIds) {
  server_->Script(kLookup, {Fail(StatusCode::kPermissionDenied, "not you")});
  const OpenPipe pipe(files_ / "ids");
  Program lookup(From(pipe));

  pipe.Write("u-1\n");

  EXPECT_EQ(lookup.Wait().exit_status, kPermissionDenied);
}

TEST_F(UserctlLookupTest, CtrlCEndsItWhileItWaitsForAnAnswer) {
  server_->Script(kLookup, {Hang()});
  Program lookup(CommandLine({"lookup", "u-1"}));
  ASSERT_TRUE(server_->AwaitAttempts(kLookup, 1));

  lookup.Signal(SIGINT);

  const Program::Result result = lookup.Wait();
  EXPECT_EQ(result.exit_status, kCancelled);
  EXPECT_THAT(result.err, StartsWith("userctl: lookup u-1: CANCELLED: "));
}

TEST_F(UserctlLookupTest, TheTimeoutIsForAllOfThem) {
  server_->Script(kLookup, {Hang().After(1)});

  const Program::Result lookup = Userctl({"--timeout", "5s", "lookup", "u-1", "u-2"});

  EXPECT_EQ(lookup.exit_status, kDeadlineExceeded);
  EXPECT_THAT(lookup.err, StartsWith("userctl: lookup u-2: DEADLINE_EXCEEDED: "));
}

TEST_F(UserctlLookupTest, EndsWhenNobodyReads) {
  Program lookup(Pipe("yes u-1", "--json"));
  lookup.ReadLine();

  lookup.CloseOutput();

  EXPECT_EQ(lookup.Wait().exit_status, 0);
}

TEST_F(UserctlLookupTest, RefusesStandardInputBesideIds) {
  const Program::Result lookup = Userctl({"lookup", "u-1", "-"});

  EXPECT_EQ(lookup.exit_status, kWrongUsage);
  EXPECT_THAT(lookup.err, HasSubstr("standard input"));
  EXPECT_EQ(server_->attempts(kLookup), 0);
}

}  // namespace
}  // namespace userclient::testing
