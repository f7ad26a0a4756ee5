#include <memory>
#include <string>

#include "command_line.h"
#include "commands.h"
#include "exit_status.h"
#include "manual/completion.h"

namespace userctl {

void AddCompletionCommand(CLI::App& app, Command& chosen) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* completion = app.add_subcommand("completion", "Print a script that lets a shell complete commands and flags");
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""))
      ->type_name("bash|zsh|fish");
  completion->footer(
      "A package or `cmake --install` puts the scripts where the shells look for them. Elsewhere:\n\n"
      "Examples:\n"
      "  source <(userctl completion bash)\n"
      "  userctl completion zsh > ~/.zfunc/_userctl\n"
      "  userctl completion fish > ~/.config/fish/completions/userctl.fish");
  completion->callback([shell, &chosen] {
    chosen = [shell](Session& session) {
      session.output().Line(manual::CompletionFor(*shell, DescribeProgram()));
      return kSuccess;
    };
  });
}

}  // namespace userctl
