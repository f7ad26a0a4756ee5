#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace userclient::testing {

/// A program that a test runs, and what it wrote. Not thread-safe.
class Program {
 public:
  struct Result {
    /// The negative number of the signal, for a program that one has ended.
    int exit_status = 0;
    std::string out{};
    std::string err{};
  };

  /// Starts `arguments[0]`. It inherits the test's environment, with `environment` added, and takes SIGINT and SIGPIPE as a
  /// program started from a shell would.
  explicit Program(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment = {});
  /// Kills it if it still runs.
  ~Program();

  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Signal(int signal);
  /// Whether it has ended. Wait tells how.
  bool HasEnded() const;

  /// The next line of its standard output, without the newline. What was read does not come again in the result.
  std::string ReadLine();
  /// The same of its standard error.
  std::string ReadErrorLine();

  /// Nobody reads its standard output any more.
  void CloseOutput();

  /// Blocks until it has ended. If that takes longer than the limit, the test fails and the program is killed.
  Result Wait(std::chrono::seconds limit = std::chrono::seconds(30));

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string unread_;
  std::string unread_errors_;
};

}  // namespace userclient::testing
