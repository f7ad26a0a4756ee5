// The program user_server as its users meet it: flags, output, signals, exit status.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/server/plain_client.h"
#include "tests/server/stream_client.h"
#include "tests/server/temporary_directory.h"
#include "userclient/v1/fault_service.grpc.pb.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::ActivityCall;
using ::testing::AllOf;
using testing::FailedWith;
using ::testing::HasSubstr;
using testing::PlainClient;
using ::testing::StartsWith;
using testing::Succeeded;
using testing::TemporaryDirectory;
using testing::UserIds;
using testing::WatchCall;

constexpr auto kLimit = 30s;

/// A running program, its output kept apart; killed at the end of the test if it still runs.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) {
    int out[2];
    int err[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) std::abort();
    std::vector<char*> argv = {const_cast<char*>(USER_SERVER_PROGRAM)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    process_ = fork();
    if (process_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      dup2(err[1], STDERR_FILENO);
      execv(USER_SERVER_PROGRAM, argv.data());
      _exit(127);
    }
    close(out[1]);
    close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }

  ~Program() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
    close(out_);
    close(err_);
  }

  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// The next line of standard output; nullopt when it has ended, or none came within the limit.
  std::optional<std::string> ReadLine() {
    std::string line;
    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    while (true) {
      pollfd ready{.fd = out_, .events = POLLIN, .revents = 0};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      char byte = 0;
      if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0 || read(out_, &byte, 1) != 1)
        return std::nullopt;
      if (byte == '\n') return line;
      line.push_back(byte);
    }
  }

  /// HOST:PORT from the line that says it is ready; empty if that line did not come.
  std::string AwaitAddress() {
    const std::string line = ReadLine().value_or("");
    const std::string prefix = "listening on ";
    return line.starts_with(prefix) ? line.substr(prefix.size()) : "";
  }

  void Signal(int signal) { kill(process_, signal); }

  /// Exit status, or 128 + signal.
  int Wait() {
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  /// All of standard error; after Wait.
  std::string Errors() { return Rest(err_); }
  std::string Output() { return Rest(out_); }

 private:
  static std::string Rest(int descriptor) {
    std::string text;
    char buffer[4096];
    for (ssize_t count; (count = read(descriptor, buffer, sizeof(buffer))) > 0;) text.append(buffer, static_cast<size_t>(count));
    return text;
  }

  pid_t process_ = -1;
  int out_ = -1;
  int err_ = -1;
};

const std::vector<std::string> kQuick = {"--listen", "127.0.0.1:0", "--drain-notice", "0s"};

std::vector<std::string> With(std::vector<std::string> more) {
  std::vector<std::string> all = kQuick;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(UserServerProgramTest, ServesUntilSigtermAndEndsWell) {
  Program program(With({"--seed-users", "2", "--name", "a", "--log", "none"}));
  const std::string address = program.AwaitAddress();
  ASSERT_THAT(address, StartsWith("127.0.0.1:"));

  const auto outcome = PlainClient(address).GetUser("u-2");
  program.Signal(SIGTERM);

  EXPECT_THAT(outcome, Succeeded());
  EXPECT_EQ(outcome.response.email(), "user2@example.com");
  EXPECT_EQ(outcome.trailer("x-served-by"), "a");
  EXPECT_EQ(program.Wait(), 0);
  EXPECT_EQ(program.Output(), "");
  EXPECT_EQ(program.Errors(), "");
}

TEST(UserServerProgramTest, SigintEndsItTheSameWay) {
  Program program(With({}));
  ASSERT_NE(program.AwaitAddress(), "");

  program.Signal(SIGINT);

  EXPECT_EQ(program.Wait(), 0);
}

TEST(UserServerProgramTest, LogsToStandardOutputOrAFile) {
  TemporaryDirectory directory;
  Program to_output(With({"--seed-users", "1"}));
  Program to_file(With({"--seed-users", "1", "--log", (directory / "log").string()}));

  PlainClient(to_output.AwaitAddress()).GetUser("u-1", {{"x-request-id", "r-1"}});
  PlainClient(to_file.AwaitAddress()).GetUser("u-1", {{"x-request-id", "r-2"}});

  EXPECT_EQ(nlohmann::json::parse(to_output.ReadLine().value_or("{}"))["request_id"], "r-1");
  to_file.Signal(SIGTERM);
  EXPECT_EQ(to_file.Wait(), 0);
  std::string line;
  std::ifstream file(directory / "log");
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_EQ(nlohmann::json::parse(line)["request_id"], "r-2");
}

TEST(UserServerProgramTest, FaultsComeFromTextOrFileAndOverTheFaultService) {
  TemporaryDirectory directory;
  const std::filesystem::path file = directory.Write("faults.json", R"({"faults": [{"method": "*", "status": "DATA_LOSS"}]})");
  Program from_text(With({"--faults", R"({"faults": [{"method": "*", "status": "ABORTED"}]})"}));
  Program from_file(With({"--faults", "@" + file.string()}));

  EXPECT_THAT(PlainClient(from_text.AwaitAddress()).GetUser("u-1"), FailedWith(grpc::StatusCode::ABORTED));
  EXPECT_THAT(PlainClient(from_file.AwaitAddress()).GetUser("u-1"), FailedWith(grpc::StatusCode::DATA_LOSS));
}

TEST(UserServerProgramTest, DrainLimitCutsOffWhatHangsAndSaysSo) {
  Program program(
      With({"--drain-limit", "100ms", "--faults", R"({"faults": [{"method": "GetUser", "headers": true, "hang": true}]})"}));
  PlainClient client(program.AwaitAddress());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  auto call = client.stub().AsyncGetUser(&context, {}, &queue);
  call->ReadInitialMetadata(&tag);
  ASSERT_EQ(queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kLimit), grpc::CompletionQueue::GOT_EVENT);

  program.Signal(SIGTERM);
  const int exit_status = program.Wait();

  EXPECT_EQ(exit_status, 1);
  EXPECT_EQ(program.Errors(), "user_server: the drain limit is over: 1 call was cut off\n");
  user::v1::GetUserResponse response;
  grpc::Status status;
  call->Finish(&response, &status, &tag);
  queue.Next(&tag, &ok);
  EXPECT_FALSE(status.ok());
}

TEST(UserServerProgramTest, SecondSignalEndsItAtOnce) {
  Program program({"--listen", "127.0.0.1:0", "--drain-notice", "1h", "--drain-limit", "1h"});
  PlainClient client(program.AwaitAddress());
  ASSERT_EQ(client.Health(""), "SERVING");

  program.Signal(SIGTERM);
  while (client.Health("") == "SERVING") std::this_thread::yield();
  program.Signal(SIGTERM);

  EXPECT_EQ(program.Wait(), 128 + SIGTERM);
}

// A client creates users without a pause; the server is killed in the midst of it, started again on the same file, and asked for
// them all.
TEST(UserServerProgramTest, NoAcknowledgedCreateIsLostWhenItIsKilled) {
  TemporaryDirectory directory;
  const std::vector<std::string> arguments = With({"--log", "none", "--store", "sqlite:" + (directory / "users.db").string()});
  std::vector<std::string> acknowledged;
  {
    Program program(arguments);
    PlainClient client(program.AwaitAddress());
    std::thread killer;
    for (int i = 0;; ++i) {
      const auto outcome = client.CreateUser(absl::StrCat("user", i, "@example.com"), "", absl::StrCat("k", i));
      if (!outcome.status.ok()) break;
      acknowledged.push_back(outcome.response.user().user_id());
      if (i == 20) killer = std::thread([&] { program.Signal(SIGKILL); });
    }
    killer.join();
    EXPECT_EQ(program.Wait(), 128 + SIGKILL);
  }

  Program program(arguments);
  PlainClient client(program.AwaitAddress());

  ASSERT_GT(acknowledged.size(), 20u);
  for (size_t i = 0; i < acknowledged.size(); ++i) {
    EXPECT_EQ(client.GetUser(acknowledged[i]).response.email(), absl::StrCat("user", i, "@example.com"));
    EXPECT_EQ(client.CreateUser(absl::StrCat("user", i, "@example.com"), "", absl::StrCat("k", i)).response.user().user_id(),
              acknowledged[i]);
  }
}

// Users are created without a pause while one server after the other is killed; a watch that resumes by its token sees each once.
TEST(UserServerProgramTest, WatchLosesAndRepeatsNothingWhileServersAreKilled) {
  constexpr int kLives = 4;
  constexpr size_t kSeenInALife = 25;
  TemporaryDirectory directory;
  const std::vector<std::string> arguments = With({"--log", "none", "--store", "sqlite:" + (directory / "users.db").string()});
  std::vector<std::string> seen;
  std::string token;
  int created = 0;

  for (int life = 0; life < kLives; ++life) {
    Program program(arguments);
    PlainClient client(program.AwaitAddress());
    WatchCall watch(client, token);
    ASSERT_TRUE(watch.Next().has_value());
    std::thread creator([&] {
      // The last create of a life may have taken effect or not; the next life repeats it with the same key.
      while (client.CreateUser(absl::StrCat("user", created, "@example.com"), "", absl::StrCat("k", created)).status.ok())
        ++created;
    });
    for (const std::string& id : watch.ReadIds(kSeenInALife)) seen.push_back(id);
    program.Signal(SIGKILL);
    // What was on its way arrives, then the stream breaks.
    for (const std::string& id : watch.ReadIds(SIZE_MAX)) seen.push_back(id);
    creator.join();
    token = watch.token;
    EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(program.Wait(), 128 + SIGKILL);
  }

  Program program(arguments);
  PlainClient client(program.AwaitAddress());
  ASSERT_THAT(client.CreateUser("last@example.com"), Succeeded());
  const auto total = static_cast<size_t>(client.ListUsers(1).response.total_count());
  WatchCall watch(client, token);
  for (const std::string& id : watch.ReadIds(total - seen.size())) seen.push_back(id);

  EXPECT_GE(total, kLives * kSeenInALife);
  EXPECT_EQ(seen, UserIds(1, static_cast<int>(total)));
}

TEST(UserServerProgramTest, ActivityIsResumedAtAnotherServerOfAFleet) {
  const std::vector<std::string> arguments = With({"--log", "none", "--seed-users", "2", "--seed-activity", "5000"});
  Program one(arguments);
  Program other(arguments);
  PlainClient first_client(one.AwaitAddress());
  PlainClient second_client(other.AwaitAddress());
  ActivityCall broken(first_client, {.user_id = "u-2"});
  std::vector<std::string> ids = broken.ReadIds(1000);
  one.Signal(SIGKILL);
  for (const std::string& id : broken.ReadIds()) ids.push_back(id);

  ActivityCall resumed(second_client, {.user_id = "u-2", .after_event_id = ids.back()});
  for (const std::string& id : resumed.ReadIds()) ids.push_back(id);

  EXPECT_TRUE(resumed.Finish().ok());
  ASSERT_EQ(ids.size(), 5001u);
  EXPECT_EQ(ids, ActivityCall(second_client, {.user_id = "u-2"}).ReadIds());
}

TEST(UserServerProgramTest, WatchGivesTheSignsOfLifeThatWereAskedFor) {
  Program program(With({"--watch-heartbeat", "20ms"}));
  PlainClient client(program.AwaitAddress());
  WatchCall watch(client);

  EXPECT_TRUE(watch.ReadPosition());
  EXPECT_TRUE(watch.ReadPosition());
  EXPECT_TRUE(watch.ReadPosition());
}

TEST(UserServerProgramTest, LimitsAreThoseOfTheFlags) {
  Program limited(With({"--seed-users", "1", "--require-deadline", "--rate-limit", "0.001", "--rate-burst", "2",
                        "--max-concurrent", "8", "--max-connection-age", "1h", "--max-connection-age-grace", "1s"}));
  PlainClient client(limited.AwaitAddress());
  grpc::ClientContext without_deadline;
  user::v1::GetUserResponse response;

  EXPECT_EQ(client.stub().GetUser(&without_deadline, {}, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(client.GetUser("u-1"), Succeeded());
  EXPECT_THAT(client.GetUser("u-1"), Succeeded());
  EXPECT_THAT(client.GetUser("u-1"), FailedWith(grpc::StatusCode::RESOURCE_EXHAUSTED));
}

TEST(UserServerProgramTest, PortInUseIsOneClearLine) {
  Program first(kQuick);
  const std::string address = first.AwaitAddress();

  Program second({"--listen", address});

  EXPECT_EQ(second.Wait(), 1);
  EXPECT_EQ(second.Errors(), absl::StrCat("user_server: cannot listen on ", address, ": Address already in use\n"));
}

struct Refusal {
  std::vector<std::string> arguments;
  int exit_status;
  std::string error;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << ::testing::PrintToString(refusal.arguments); }

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, SaysWhyAndHasItsExitStatus) {
  Program program(GetParam().arguments);

  EXPECT_EQ(program.Wait(), GetParam().exit_status);
  EXPECT_THAT(program.Errors(), HasSubstr(GetParam().error));
  EXPECT_EQ(program.Output(), "");
}

INSTANTIATE_TEST_SUITE_P(
    WrongUsage, RefusalTest,
    ::testing::Values(
        Refusal{{"--lisen", "127.0.0.1:0"}, 2, "--lisen"}, Refusal{{"surplus"}, 2, "surplus"},
        Refusal{{"--listen", "nowhere"}, 2, "\"nowhere\" is no address to listen on: must be HOST:PORT"},
        Refusal{{"--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0"},
                2,
                "the fault service listens on loopback addresses only, not on 0.0.0.0:0"},
        Refusal{{"--store", "postgres:x"}, 2, "--store: \"postgres:x\" is neither memory nor sqlite:FILE"},
        Refusal{{"--store", "sqlite:"}, 2, "--store: \"sqlite:\" is neither memory nor sqlite:FILE"},
        Refusal{{"--seed-users", "-1"}, 2, "--seed-users"}, Refusal{{"--seed-activity", "-1"}, 2, "--seed-activity"},
        Refusal{{"--watch-heartbeat", "soon"}, 2, "--watch-heartbeat: \"soon\" is no duration"},
        Refusal{{"--listen", "127.0.0.1:0", "--watch-heartbeat", "0s"}, 2, "watch_heartbeat: must be at least 10ms"},
        Refusal{{"--faults", "{"}, 2, "--faults: not JSON"},
        Refusal{{"--faults", R"({"faults": [{"method": "*", "hnag": true}]})"}, 2, "--faults: faults[0].hnag: unknown key"},
        Refusal{{"--faults", "@/no/such/file"}, 2, "--faults: cannot read /no/such/file"},
        Refusal{{"--drain-limit", "ten"}, 2, "--drain-limit: \"ten\" is no duration"},
        Refusal{{"--production", "--faults", "{}"}, 2, "--faults: not with --production"},
        Refusal{{"--production", "--admin", "127.0.0.1:0"}, 2, "--admin: not with --production"},
        Refusal{{"--rate-limit", "0"}, 2, "--rate-limit: \"0\" is no number of at least 0.001"},
        Refusal{{"--rate-limit", "nan"}, 2, "--rate-limit: \"nan\" is no number of at least 0.001"},
        Refusal{{"--rate-limit", "inf"}, 2, "--rate-limit: \"inf\" is no number of at least 0.001"},
        Refusal{{"--rate-limit", "1e-300"}, 2, "--rate-limit: \"1e-300\" is no number of at least 0.001"},
        Refusal{{"--tls-cert", "", "--tls-key", ""}, 2, "--tls-cert: must not be empty"},
        Refusal{{"--tls-cert", "x", "--tls-key", "x", "--tls-client-ca", ""}, 2, "--tls-client-ca: must not be empty"},
        Refusal{{"--token-file", ""}, 2, "--token-file: must not be empty"},
        Refusal{{"--name", ""}, 2, "--name: must not be empty"}, Refusal{{"--faults", ""}, 2, "--faults: must not be empty"},
        Refusal{{"--name", "a\nb"}, 2, "user_server: --name: must be printable ASCII, at most 256 characters\n"},
        Refusal{{"--name", std::string(257, 'x')}, 2, "user_server: --name: must be printable ASCII, at most 256 characters\n"},
        Refusal{{"--rate-burst", "5"}, 2, "--rate-limit"}, Refusal{{"--max-concurrent", "0"}, 2, "--max-concurrent"},
        Refusal{{"--max-connection-age", "0s"}, 2, "--max-connection-age: must be more than 0"},
        Refusal{{"--max-connection-age-grace", "x"}, 2, "--max-connection-age-grace: \"x\" is no duration"},
        Refusal{{"--tls-cert", "x.pem"}, 2, "--tls-key"}));

INSTANTIATE_TEST_SUITE_P(
    CouldNotStart, RefusalTest,
    ::testing::Values(Refusal{{"--store", "sqlite:/no/such/directory/users.db"},
                              1,
                              "user_server: /no/such/directory/users.db: cannot open: No such file or directory\n"},
                      Refusal{
                          {"--log", "/no/such/directory/log"}, 1, "user_server: --log: cannot write to /no/such/directory/log"},
                      Refusal{{"--token-file", "/no/such/token"},
                              1,
                              "user_server: --token-file: cannot read /no/such/token: No such file or directory\n"},
                      Refusal{{"--tls-cert", "/no/such.pem", "--tls-key", "/no/such.key"},
                              1,
                              "user_server: --tls-cert: cannot read /no/such.pem: No such file or directory\n"}));

TEST(UserServerProgramTest, HelpAndVersionEndWell) {
  Program help({"--help"});
  Program version({"--version"});

  EXPECT_EQ(help.Wait(), 0);
  EXPECT_THAT(help.Output(), AllOf(HasSubstr("--listen"), HasSubstr("--faults"), HasSubstr("--drain-limit")));
  EXPECT_EQ(version.Wait(), 0);
}

}  // namespace
}  // namespace userclient
