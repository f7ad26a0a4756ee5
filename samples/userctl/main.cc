// userctl: calls user.v1.UserService from the command line. `userctl --help` tells how.

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>

#include "command_line.h"
#include "commands.h"
#include "exit_status.h"
#include "global_options.h"
#include "interrupt.h"
#include "session.h"

namespace {

/// A standard stream that the program was started without must not become the number of a socket.
void OccupyStandardStreams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) == -1 && errno == EBADF) open("/dev/null", O_RDONLY);
  }
}

int FailUsage(const std::string& message) {
  std::cerr << "userctl: " << message << "\nhint: userctl --help, or userctl COMMAND --help, tells what can be given"
            << std::endl;
  return userctl::kWrongUsage;
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    return FailUsage(userctl::Explain(app, error));
  }
  if (const absl::Status status = userctl::CheckGlobalOptions(options); !status.ok())
    return FailUsage(std::string(status.message()));

  userctl::Session session(options, interrupt.token());
  return session.Finish(command(session));
}
