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
#include "tests/server/temporary_directory.h"
#include "userclient/v1/fault_service.grpc.pb.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::FailedWith;
using ::testing::HasSubstr;
using testing::PlainClient;
using ::testing::StartsWith;
using testing::Succeeded;
using testing::TemporaryDirectory;

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
        Refusal{{"--seed-users", "-1"}, 2, "--seed-users"}, Refusal{{"--faults", "{"}, 2, "--faults: not JSON"},
        Refusal{{"--faults", R"({"faults": [{"method": "*", "hnag": true}]})"}, 2, "--faults: faults[0].hnag: unknown key"},
        Refusal{{"--faults", "@/no/such/file"}, 2, "--faults: cannot read /no/such/file"},
        Refusal{{"--drain-limit", "ten"}, 2, "--drain-limit: \"ten\" is no duration"},
        Refusal{{"--production", "--faults", "{}"}, 2, "--faults: not with --production"},
        Refusal{{"--production", "--admin", "127.0.0.1:0"}, 2, "--admin: not with --production"},
        Refusal{{"--tls-cert", "x.pem"}, 2, "--tls-key"}));

INSTANTIATE_TEST_SUITE_P(
    CouldNotStart, RefusalTest,
    ::testing::Values(Refusal{{"--store", "sqlite:/no/such/directory/users.db"},
                              1,
                              "user_server: /no/such/directory/users.db: cannot open: No such file or directory\n"},
                      Refusal{
                          {"--log", "/no/such/directory/log"}, 1, "user_server: --log: cannot write to /no/such/directory/log"},
                      Refusal{{"--token-file", "/no/such/token"}, 1, "user_server: /no/such/token: No such file or directory\n"},
                      Refusal{{"--tls-cert", "/no/such.pem", "--tls-key", "/no/such.key"},
                              1,
                              "user_server: /no/such.pem: No such file or directory\n"}));

TEST(UserServerProgramTest, HelpAndVersionEndWell) {
  Program help({"--help"});
  Program version({"--version"});

  EXPECT_EQ(help.Wait(), 0);
  EXPECT_THAT(help.Output(), AllOf(HasSubstr("--listen"), HasSubstr("--faults"), HasSubstr("--drain-limit")));
  EXPECT_EQ(version.Wait(), 0);
}

}  // namespace
}  // namespace userclient
