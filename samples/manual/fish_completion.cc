#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "completion.h"

namespace manual {
namespace {

constexpr char kHelp[] = "--help";
constexpr char kFunctions[] = R"(# Completion of PROGRAM for fish.
function __PROGRAM_at -d 'Whether the command so far is exactly this'
    set -l command
    set -l value_follows 0
    for word in (commandline -opc)[2..-1]
        if test $value_follows = 1
            set value_follows 0
            continue
        end
        switch "$command:$word"
CASES
        end
    end
    test "$command" = "$argv"
end
complete -c PROGRAM -f
)";

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

void AddCase(const std::string& pattern, const std::string& action, std::vector<std::string>& lines) {
  lines.push_back(absl::StrCat("            case ", pattern));
  if (!action.empty()) lines.push_back(absl::StrCat("                ", action));
}

std::string Cases(const ProgramView& program) {
  std::vector<std::string> lines;
  for (const ProgramView* command : AllCommands(program)) {
    for (const OptionView& flag : command->flags) {
      if (flag.value.empty()) continue;
      for (const std::string& name : flag.names) {
        AddCase(Quoted(absl::StrCat(command->path.empty() ? "*" : command->path, ":", name)), "set value_follows 1", lines);
      }
    }
  }
  AddCase("'*:-*'", "", lines);
  for (const ProgramView* parent : AllCommands(program)) {
    for (const ProgramView& command : parent->commands) {
      AddCase(Quoted(absl::StrCat(parent->path, ":", command.name)), absl::StrCat("set command ", Quoted(command.path)), lines);
    }
  }
  return absl::StrJoin(lines, "\n");
}

/// What it says of a value.
std::string ValueOf(const OptionView& option) {
  if (option.is_file()) return " -r -F";
  const std::vector<std::string> choices = option.choices();
  return choices.empty() ? " -x" : absl::StrCat(" -x -a ", Quoted(absl::StrJoin(choices, " ")));
}

std::string Begin(const ProgramView& program, const ProgramView& command) {
  const std::string begin = absl::StrCat("complete -c ", program.name);
  const std::string place = command.path.empty() ? "''" : command.path;
  return absl::StrCat(begin, " -n ", Quoted(absl::StrCat("__", program.name, "_at ", place)));
}

/// It goes with every command but for those that hide it.
std::string BeginOfProgramFlag(const ProgramView& program, const OptionView& flag) {
  std::vector<std::string> elsewhere;
  for (const ProgramView* command : AllCommands(program)) {
    const bool is_another = command != &program && flag.names.back() != kHelp && HasFlag(*command, flag.names.back());
    if (is_another) elsewhere.push_back(absl::StrCat("not __", program.name, "_at ", command->path));
  }
  const std::string begin = absl::StrCat("complete -c ", program.name);
  return elsewhere.empty() ? begin : absl::StrCat(begin, " -n ", Quoted(absl::StrJoin(elsewhere, "; and ")));
}

std::string FlagLine(const ProgramView& program, const ProgramView& command, const OptionView& flag) {
  std::string line = command.path.empty() ? BeginOfProgramFlag(program, flag) : Begin(program, command);
  for (const std::string& name : flag.names) {
    absl::StrAppend(&line, name.starts_with("--") ? " -l " : " -s ", name.substr(name.find_first_not_of('-')));
  }
  if (!flag.value.empty()) absl::StrAppend(&line, ValueOf(flag));
  return absl::StrCat(line, " -d ", Quoted(flag.description), "\n");
}

}  // namespace

std::string FishCompletion(const ProgramView& program) {
  std::string script =
      absl::StrReplaceAll(kFunctions, {{"\nCASES\n", absl::StrCat("\n", Cases(program), "\n")}, {"PROGRAM", program.name}});
  for (const ProgramView* command : AllCommands(program)) {
    for (const ProgramView& part : command->commands) {
      absl::StrAppend(&script, Begin(program, *command), " -a ", part.name, " -d ", Quoted(part.description), "\n");
    }
    for (const OptionView& argument : command->arguments) {
      if (argument.is_file()) absl::StrAppend(&script, Begin(program, *command), " -F\n");
      if (!argument.choices().empty()) {
        absl::StrAppend(&script, Begin(program, *command), " -a ", Quoted(absl::StrJoin(argument.choices(), " ")), "\n");
      }
    }
    for (const OptionView& flag : command->flags) {
      const bool is_help_again = !command->path.empty() && flag.names.back() == kHelp;
      if (!is_help_again) script += FlagLine(program, *command, flag);
    }
  }
  return script;
}

}  // namespace manual
