// userctl import, as a person meets it.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/program.h"
#include "tests/server/stream_client.h"
#include "tests/server/temporary_directory.h"
#include "tests/stream/batch_support.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr int kWrongUsage = 2;
constexpr int kCancelled = 65;
constexpr int kInvalidArgument = 67;
constexpr int kUnavailable = 78;
constexpr char kBatch[] = "BatchCreateUsers";

std::string CsvOf(int users) {
  std::string text = "email,display_name\n";
  for (int i = 0; i < users; ++i) absl::StrAppend(&text, "user", i, "@example.org,\"User, ", i, "\"\n");
  return text;
}

std::vector<json> JsonLines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line, nullptr, /*allow_exceptions=*/false));
  return lines;
}

class UserctlImportTest : public ::testing::Test {
 protected:
  void SetUp() override { server_.emplace(FlakyUserServer::Start({.store = store_}).value()); }

  std::vector<std::string> CommandLine(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {USERCTL_PROGRAM, "--target", server_->address(), "import"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  Program::Result Import(const std::vector<std::string>& arguments) const { return Program(CommandLine(arguments)).Wait(); }

  /// With this on standard input.
  Program::Result Pipe(const std::string& content, const std::string& arguments = "") const {
    const std::string file = files_.Write("piped", content);
    return Program(
               {"/bin/sh", "-c",
                absl::StrCat("cat ", file, " | ", USERCTL_PROGRAM, " --target ", server_->address(), " import - ", arguments)})
        .Wait();
  }

  std::string Write(std::string_view name, std::string_view content) const { return files_.Write(name, content).string(); }

  const TemporaryDirectory files_;
  const std::shared_ptr<UserStore> store_ = MakeMemoryUserStore();
  std::optional<FlakyUserServer> server_;
};

TEST_F(UserctlImportTest, CreatesTheUsersOfACsvFile) {
  const Program::Result import = Import({Write("users.csv", CsvOf(1200))});

  EXPECT_EQ(import.exit_status, 0) << import.err;
  EXPECT_THAT(import.out, MatchesRegex("created 1200, failed 0, of 1200 users in [0-9.]+ s\n"));
  EXPECT_THAT(import.err, IsEmpty());
  EXPECT_EQ(CountUsers(*store_), 1200);
  EXPECT_EQ(server_->calls(kBatch), 3);
}

TEST_F(UserctlImportTest, CreatesTheUsersOfAJsonLinesFile) {
  const Program::Result import =
      Import({Write("users.jsonl", "{\"email\": \"a@example.org\", \"display_name\": \"A\"}\n{\"email\": \"b@example.org\"}\n")});

  EXPECT_EQ(import.exit_status, 0) << import.err;
  EXPECT_EQ(CountUsers(*store_), 2);
}

TEST_F(UserctlImportTest, TakesEitherFormatFromStandardInput) {
  EXPECT_EQ(Pipe("email\na@example.org\n").exit_status, 0);
  EXPECT_EQ(Pipe("{\"email\": \"b@example.org\"}\n").exit_status, 0);
  EXPECT_EQ(Pipe("\n{\"email\": \"c@example.org\"}\n", "--format jsonl").exit_status, 0);

  EXPECT_EQ(CountUsers(*store_), 3);
}

TEST_F(UserctlImportTest, AnEmptyFileIsNoMistakeIfItHasAHeader) {
  const Program::Result import = Import({Write("users.csv", "email\n")});

  EXPECT_EQ(import.exit_status, 0);
  EXPECT_THAT(import.out, StartsWith("created 0, failed 0, of 0 users"));
  EXPECT_EQ(server_->attempts(kBatch), 0);
}

TEST_F(UserctlImportTest, RunAgainItCreatesNobodyTwice) {
  const std::string file = Write("users.csv", CsvOf(20));
  Import({file});

  const Program::Result again = Import({file});

  EXPECT_EQ(again.exit_status, 0);
  EXPECT_THAT(again.out, StartsWith("created 20, failed 0"));
  EXPECT_EQ(CountUsers(*store_), 20);
}

TEST_F(UserctlImportTest, TellsTheLineOfAUserThatIsRefusedAndGoesOn) {
  const std::string file = Write("users.csv",
                                 "email,display_name\n"
                                 "a@example.org,\"A\"\n"
                                 "nobody,B\n"
                                 "a@example.org,again\n"
                                 "c@example.org,C\n");

  const Program::Result import = Import({"--chunk", "2", file});

  EXPECT_EQ(import.exit_status, kInvalidArgument) << "that of the first";
  EXPECT_THAT(import.out, StartsWith("created 2, failed 2, of 4 users"));
  EXPECT_EQ(import.err, absl::StrCat("userctl: ", file, ":3: INVALID_ARGUMENT: email: must be local@domain\nuserctl: ", file,
                                     ":4: ALREADY_EXISTS: another user has this email\n"));
}

TEST_F(UserctlImportTest, AMistakeInAFileIsToldBeforeAnybodyIsCreated) {
  const std::string file = Write("users.csv", CsvOf(1000) + "one@example.org\n");

  const Program::Result import = Import({file});

  EXPECT_EQ(import.exit_status, kWrongUsage);
  EXPECT_EQ(import.err, absl::StrCat("userctl: ", file, ": line 1002: the number of fields is 1, the header has 2\n"));
  EXPECT_THAT(import.out, IsEmpty());
  EXPECT_EQ(server_->attempts(kBatch), 0);
}

TEST_F(UserctlImportTest, AMistakeOnStandardInputIsToldWhenItComes) {
  const Program::Result import = Pipe("email\na@example.org\nb@example.org\nc,d\n");

  EXPECT_EQ(import.exit_status, kWrongUsage);
  EXPECT_THAT(import.err, StartsWith("userctl: standard input: line 4: "));
  EXPECT_THAT(import.out, AllOf(StartsWith("created 2, failed 0, of 2 users"), HasSubstr("not complete")));
  EXPECT_EQ(CountUsers(*store_), 2);
}

TEST_F(UserctlImportTest, AStandardInputThatIsClosedIsAnError) {
  const std::string run = absl::StrCat("exec ", USERCTL_PROGRAM, " --target ", server_->address(), " import - <&-");

  const Program::Result import = Program({"/bin/sh", "-c", run}).Wait();

  EXPECT_EQ(import.exit_status, kWrongUsage);
  EXPECT_THAT(import.err, HasSubstr("userctl: standard input: cannot be read"));
}

TEST_F(UserctlImportTest, AFileThatCannotBeReadIsWrongUsage) {
  const Program::Result missing = Import({files_ / "none.csv"});
  const Program::Result directory = Import({files_ / ""});

  EXPECT_EQ(missing.exit_status, kWrongUsage);
  EXPECT_THAT(missing.err, HasSubstr("none.csv: No such file or directory"));
  EXPECT_EQ(directory.exit_status, kWrongUsage);
  EXPECT_THAT(directory.err, HasSubstr("is a directory"));
  EXPECT_EQ(Import({"--chunk", "1001", "x.csv"}).exit_status, kWrongUsage);
  EXPECT_EQ(Import({"--from-line", "0", "x.csv"}).exit_status, kWrongUsage);
  EXPECT_EQ(Import({"--format", "xml", "x.csv"}).exit_status, kWrongUsage);
}

TEST_F(UserctlImportTest, CtrlCStopsItAndTheSameCommandGoesOn) {
  server_->Script(kBatch, {Ok(), Ok(), Hang().After(5)});
  const std::string file = Write("users.csv", CsvOf(50));
  Program import(CommandLine({"--chunk", "10", file}));
  ASSERT_TRUE(server_->AwaitAttempts(kBatch, 3));

  import.Signal(SIGINT);
  const Program::Result stopped = import.Wait();
  const int64_t created = CountUsers(*store_);
  const Program::Result again = Import({"--chunk", "10", file});

  EXPECT_EQ(stopped.exit_status, kCancelled);
  EXPECT_THAT(stopped.out, AllOf(StartsWith("created 20, failed 0, of 20 users"), HasSubstr("not complete")));
  EXPECT_THAT(stopped.err,
              HasSubstr("hint: the same command again goes on, and creates nobody twice; every user before line 22 is "
                        "done: with --from-line 22 it begins there\n"));
  EXPECT_GE(created, 20);
  EXPECT_LT(created, 50);
  EXPECT_EQ(again.exit_status, 0) << again.err;
  EXPECT_THAT(again.out, StartsWith("created 50, failed 0, of 50 users"));
  EXPECT_EQ(CountUsers(*store_), 50);
}

TEST_F(UserctlImportTest, CtrlCEndsItWhileItWaitsForStandardInput) {
  const std::string pipe = (files_ / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int writer = open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  Program import(
      {"/bin/sh", "-c", absl::StrCat("exec ", USERCTL_PROGRAM, " --target ", server_->address(), " import - < ", pipe)});
  const std::string_view half_a_line = "email\na@example.org\nb@exam";
  ASSERT_EQ(write(writer, half_a_line.data(), half_a_line.size()), half_a_line.size());
  const auto unread = [&] {
    int bytes = 0;
    ioctl(writer, FIONREAD, &bytes);
    return bytes;
  };
  ASSERT_TRUE(Await([&] { return unread() == 0; }));

  import.Signal(SIGINT);
  const Program::Result stopped = import.Wait();
  close(writer);

  EXPECT_EQ(stopped.exit_status, kCancelled);
  EXPECT_THAT(stopped.out, AllOf(StartsWith("created 0, failed 0"), HasSubstr("not complete")));
  EXPECT_EQ(server_->attempts(kBatch), 0);
}

TEST_F(UserctlImportTest, BeginsAtALine) {
  const std::string file = Write("users.csv", CsvOf(50));
  Import({"--from-line", "42", file});
  ASSERT_EQ(CountUsers(*store_), 10);

  const Program::Result all = Import({file});

  EXPECT_EQ(all.exit_status, 0);
  EXPECT_EQ(CountUsers(*store_), 50) << "the keys are those of the lines, wherever it begins";
}

TEST_F(UserctlImportTest, AServerThatIsGoneForGoodIsAFailedCall) {
  const std::string file = Write("users.csv", CsvOf(5));
  server_->Stop();

  const Program::Result import = Import({file});

  EXPECT_EQ(import.exit_status, kUnavailable);
  EXPECT_THAT(import.err,
              AllOf(HasSubstr("UNAVAILABLE"), HasSubstr("the same command again goes on"), Not(HasSubstr("--from-line"))));
}

TEST_F(UserctlImportTest, TheTimeoutIsForOneChunk) {
  server_->Script(kBatch, {Hang()});
  const std::string file = Write("users.csv", CsvOf(5));

  const Program::Result import =
      Program({USERCTL_PROGRAM, "--target", server_->address(), "--timeout", "200ms", "import", file}).Wait();

  EXPECT_EQ(import.exit_status, 68);
}

TEST_F(UserctlImportTest, AsJsonEveryUserIsADocumentAndTheSummaryComesLast) {
  const Program::Result import = Import({"--json", Write("users.csv", "email,idempotency_key\na@example.org,k-1\nnobody,k-2\n")});

  const std::vector<json> lines = JsonLines(import.out);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0]["line"], 2);
  EXPECT_EQ(lines[0]["email"], "a@example.org");
  EXPECT_EQ(lines[0]["user_id"], "u-1");
  EXPECT_EQ(lines[1]["line"], 3);
  EXPECT_EQ(lines[1]["idempotency_key"], "k-2");
  EXPECT_EQ(lines[1]["error"]["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(lines[2], json::parse(R"({"summary": {"created": 1, "failed": 1, "complete": true}})"));
  EXPECT_THAT(import.err, IsEmpty());
}

TEST_F(UserctlImportTest, AsJsonAFailedCallSaysWhereToGoOn) {
  server_->Script(kBatch, {Ok(), Fail(StatusCode::kPermissionDenied, "not you")});

  const Program::Result import = Import({"--json", "--chunk", "2", Write("users.csv", CsvOf(6))});

  EXPECT_EQ(import.exit_status, 71);
  EXPECT_EQ(JsonLines(import.out).back(),
            json::parse(R"({"summary": {"created": 2, "failed": 0, "complete": false, "next_line": 4}})"));
  ASSERT_THAT(JsonLines(import.err), SizeIs(1));
  EXPECT_EQ(JsonLines(import.err)[0]["error"]["message"], "not you");
}

TEST_F(UserctlImportTest, VerboseTellsOfEveryCall) {
  server_->Script(kBatch, {Ok(), Fail(StatusCode::kPermissionDenied)});

  const Program::Result import = Import({"--verbose", "--chunk", "2", Write("users.csv", CsvOf(6))});

  EXPECT_THAT(import.err, ContainsRegex("BatchCreateUsers: OK(.|\n)*BatchCreateUsers: PERMISSION_DENIED"));
}

TEST_F(UserctlImportTest, TellsItsProgressAsLinesWhereThereIsNoTerminal) {
  server_->ScriptRepeatedly(kBatch, {Delay(600ms)});

  const Program::Result import = Import({"--chunk", "10", Write("users.csv", CsvOf(30))});

  EXPECT_EQ(import.exit_status, 0);
  EXPECT_THAT(import.err, MatchesRegex("(import users.csv: [123]0 of 30\n)+"));
}

TEST_F(UserctlImportTest, ShowsABarOnATerminal) {
  const std::string file = Write("users.csv", CsvOf(30));

  // script(1) gives it a terminal.
  const Program::Result import =
      Program({"/usr/bin/script", "-qec",
               absl::StrCat(USERCTL_PROGRAM, " --target ", server_->address(), " import --chunk 10 ", file), "/dev/null"},
              {{"TERM", "xterm"}})
          .Wait();

  EXPECT_EQ(import.exit_status, 0);
  EXPECT_THAT(import.out, AllOf(HasSubstr("\rimport users.csv [##########....................] 33 % 10"),
                                ContainsRegex("\r\x1b\\[Kcreated 30, failed 0, of 30 users")));
}

}  // namespace
}  // namespace userclient::testing
