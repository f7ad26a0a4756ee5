// userctl: calls user.v1.UserService from the command line. `userctl --help` tells how.

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "absl/strings/strip.h"
#include "command_line.h"
#include "commands.h"
#include "exit_status.h"
#include "failure.h"
#include "global_options.h"
#include "interrupt.h"
#include "printable.h"
#include "session.h"

namespace {

constexpr char kHint[] = "userctl --help, or userctl COMMAND --help, tells what can be given";

/// A standard stream that the program was started without must not become the number of a socket: whoever uses it is told that
/// it is none. One that would be closed by exec was not inherited; gRPC 1.51 leaves a descriptor behind before main.
void OccupyStandardStreams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const int flags = fcntl(stream, F_GETFD);
    if (flags != -1 && (flags & FD_CLOEXEC) == 0) continue;
    const int nothing = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (nothing == -1 || nothing == stream) continue;
    dup2(nothing, stream);
    close(nothing);
  }
}

int FailUsage(const std::string& message, bool json) {
  if (json) {
    std::cerr << userctl::FailureJson("", absl::InvalidArgumentError(message), kHint) << std::endl;
  } else {
    std::cerr << "userctl: " << userctl::Printable(message) << "\nhint: " << kHint << std::endl;
  }
  return userctl::kWrongUsage;
}

/// Where the result of a command would go, and as strictly.
int Show(const CLI::App& app, const CLI::Success& help_or_version, userctl::Session& session) {
  std::ostringstream text;
  app.exit(help_or_version, text);
  session.output().Line(std::string(absl::StripSuffix(text.str(), "\n")));
  return session.Finish(userctl::kSuccess);
}

}  // namespace

int main(int argc, char** argv) {
  OccupyStandardStreams();
  signal(SIGPIPE, SIG_IGN);
  // Errors are told once, in the program's own words; whoever wants gRPC's log sets the variable.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  const userctl::Interrupt interrupt;

  userctl::GlobalOptions options;
  userctl::Command command;
  CLI::App app;
  userctl::DescribeCommandLine(app, options, command);
  userctl::Session session(options, interrupt.token());
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return Show(app, help_or_version, session);
  } catch (const CLI::ParseError& error) {
    return FailUsage(userctl::Explain(app, error), /*json=*/app.count("--json") > 0);
  }
  if (const absl::Status status = userctl::CheckGlobalOptions(options); !status.ok())
    return FailUsage(std::string(status.message()), options.json);

  return session.Finish(command(session));
}
