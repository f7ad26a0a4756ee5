#include <string>

#include "command_line.h"
#include "commands.h"
#include "exit_status.h"
#include "manual/man_page.h"
#include "userclient/version.h"

namespace userctl {

void AddManualCommand(CLI::App& app, Command& chosen) {
  CLI::App* manual_page = app.add_subcommand("manual", "Print the manual page userctl(1), for man");
  manual_page->footer(
      "Example:\n"
      "  userctl manual | man -l -");
  manual_page->callback([&chosen] {
    chosen = [](Session& session) {
      session.output().Line(manual::ManPage(DescribeProgram(), userclient::Version(), "user_server(1)"));
      return kSuccess;
    };
  });
}

}  // namespace userctl
