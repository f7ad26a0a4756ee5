#include "tests/e2e/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

namespace userclient::testing {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLimit(30);

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    read = ends[0];
    write = ends[1];
  }
  int read = -1;
  int write = -1;
};

void Close(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

/// False at the end of the stream.
bool ReadSome(int descriptor, std::string& text) {
  std::array<char, 4096> buffer;
  ssize_t size = 0;
  do {
    size = read(descriptor, buffer.data(), buffer.size());
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  text.append(buffer.data(), static_cast<size_t>(size));
  return true;
}

/// False when the deadline has passed.
bool AwaitReadable(std::vector<pollfd>& streams, steady_clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return false;
    const int ready = poll(streams.data(), streams.size(), static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

std::string NextLine(int descriptor, std::string& unread) {
  const auto deadline = steady_clock::now() + kLimit;
  size_t newline = 0;
  while ((newline = unread.find('\n')) == std::string::npos) {
    std::vector<pollfd> streams = {{.fd = descriptor, .events = POLLIN, .revents = 0}};
    if (!AwaitReadable(streams, deadline) || !ReadSome(descriptor, unread)) {
      ADD_FAILURE() << "there is no further line, only: " << unread;
      return "";
    }
  }
  std::string line = unread.substr(0, newline);
  unread.erase(0, newline + 1);
  return line;
}

std::vector<std::string> EnvironmentWith(const std::map<std::string, std::string>& added) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!added.contains(std::string(text.substr(0, text.find('='))))) environment.emplace_back(text);
  }
  for (const auto& [name, value] : added) environment.push_back(name + "=" + value);
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Program::Program(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment) {
  Pipe out;
  Pipe err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (int signal : {SIGINT, SIGTERM, SIGPIPE}) sigaddset(&defaults, signal);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

  std::vector<std::string> argument_texts = arguments;
  std::vector<std::string> environment_texts = EnvironmentWith(environment);
  const int error = posix_spawn(&pid_, arguments[0].c_str(), &actions, &attributes, Pointers(argument_texts).data(),
                                Pointers(environment_texts).data());
  EXPECT_EQ(error, 0) << "cannot start " << arguments[0];
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  Close(out.write);
  Close(err.write);
  out_ = out.read;
  err_ = err.read;
}

Program::~Program() {
  Close(out_);
  Close(err_);
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Program::HasEnded() const {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

void Program::Signal(int signal) {
  // Of a program that has ended, the signal would go to every process there is.
  ASSERT_GT(pid_, 0) << "it has ended";
  kill(pid_, signal);
}

std::string Program::ReadLine() { return NextLine(out_, unread_); }

std::string Program::ReadErrorLine() { return NextLine(err_, unread_errors_); }

void Program::CloseOutput() { Close(out_); }

Program::Result Program::Wait(std::chrono::seconds limit) {
  Result result = {.out = std::move(unread_), .err = std::move(unread_errors_)};
  const auto deadline = steady_clock::now() + limit;
  while (out_ >= 0 || err_ >= 0) {
    std::vector<pollfd> streams = {{.fd = out_, .events = POLLIN, .revents = 0}, {.fd = err_, .events = POLLIN, .revents = 0}};
    if (!AwaitReadable(streams, deadline)) {
      ADD_FAILURE() << "still running after " << limit.count() << " s; so far it wrote:\n" << result.out << result.err;
      kill(pid_, SIGKILL);
      break;
    }
    if (streams[0].revents != 0 && !ReadSome(out_, result.out)) Close(out_);
    if (streams[1].revents != 0 && !ReadSome(err_, result.err)) Close(err_);
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return result;
}

}  // namespace userclient::testing
