#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace manual {

/// A flag, or an argument without one.
struct OptionView {
  /// "-h", "--help"; empty for an argument.
  std::vector<std::string> names{};
  /// "ID"; empty for a flag.
  std::string argument{};
  /// What stands for the value: "FILE" for one that is completed as such, "csv|jsonl" for a choice. Empty: it takes none.
  std::string value{};
  std::string description{};
  /// What the value must be, besides: "INT in [1 - 1000]".
  std::string constraint{};
  std::string default_value{};
  std::string environment_variable{};
  /// The names of others without which it goes nowhere, and of those that it does not go with; sorted.
  std::vector<std::string> needs{};
  std::vector<std::string> excludes{};
  bool required = false;
  bool repeated = false;

  bool is_file() const { return (names.empty() ? argument : value) == "FILE"; }
  /// Empty if it is no choice.
  std::vector<std::string> choices() const;
};

/// A program, or a command of it.
struct ProgramView {
  /// "userctl", "get"
  std::string name{};
  /// Without the program: "config check"; empty for the program.
  std::string path{};
  std::string description{};
  std::string footer{};
  /// In the order of the help.
  std::vector<OptionView> flags{};
  std::vector<OptionView> arguments{};
  std::vector<ProgramView> commands{};
};

/// What `app` tells of itself. Hidden options and commands (in no group) are left out.
ProgramView ViewOf(const CLI::App& app);

/// `program` and all its commands, from the outside in.
std::vector<const ProgramView*> AllCommands(const ProgramView& program);

/// Whether one of the flags has this name. A command's own flag hides that of the program.
bool HasFlag(const ProgramView& command, const std::string& name);

}  // namespace manual
