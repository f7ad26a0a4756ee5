#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "completion.h"

namespace manual {
namespace {

/// In single quotes.
std::string Quoted(const std::string& text) { return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'"); }

/// For the brackets and between the colons of what _arguments and _describe take.
std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
}

/// "config check" of userctl: "_userctl_config_check"
std::string FunctionOf(const ProgramView& program, const ProgramView& command) {
  const std::string name = absl::StrCat("_", program.name);
  return command.path.empty() ? name : absl::StrCat(name, "_", absl::StrReplaceAll(command.path, {{" ", "_"}, {"-", "_"}}));
}

/// How a value is completed. A bare message, the usual way to say that nobody knows, would keep flags from being completed beside
/// an argument.
std::string ActionOf(const OptionView& option) {
  if (option.is_file()) return "_files";
  const std::vector<std::string> choices = option.choices();
  return choices.empty() ? "_nothing" : absl::StrCat("(", absl::StrJoin(choices, " "), ")");
}

/// Those of `command`, but for the ones that `own`, if given, hides.
std::vector<std::string> FlagSpecs(const ProgramView& command, const ProgramView* own) {
  std::vector<std::string> specs;
  for (const OptionView& flag : command.flags) {
    for (const std::string& name : flag.names) {
      if (own != nullptr && HasFlag(*own, name)) continue;
      const bool takes_value = !flag.value.empty();
      std::string spec =
          absl::StrCat(name, takes_value && name.starts_with("--") ? "=" : "", "[", Escaped(flag.description), "]");
      if (takes_value) absl::StrAppend(&spec, ":", Escaped(flag.value), ":", ActionOf(flag));
      specs.push_back(Quoted(spec));
    }
  }
  return specs;
}

std::string Function(const ProgramView& program, const ProgramView& command) {
  std::vector<std::string> specs = FlagSpecs(command, nullptr);
  if (&command != &program) {
    for (std::string& spec : FlagSpecs(program, &command)) specs.push_back(std::move(spec));
  }
  for (const OptionView& argument : command.arguments) {
    specs.push_back(Quoted(absl::StrCat(argument.repeated ? "*" : "", ":", argument.argument, ":", ActionOf(argument))));
  }
  if (!command.commands.empty()) {
    specs.push_back("'1:command:->command'");
    specs.push_back("'*::argument:->argument'");
  }
  std::string text = absl::StrCat(FunctionOf(program, command), "() {\n");
  const std::string arguments = absl::StrJoin(specs, " \\\n    ");
  if (command.commands.empty()) return absl::StrCat(text, "  _arguments -s \\\n    ", arguments, "\n}\n");

  absl::StrAppend(&text, "  local curcontext=$curcontext state state_descr line\n  typeset -A opt_args\n",
                  "  local -a commands=(\n");
  for (const ProgramView& part : command.commands) {
    absl::StrAppend(&text, "    ", Quoted(absl::StrCat(part.name, ":", Escaped(part.description))), "\n");
  }
  absl::StrAppend(&text, "  )\n  _arguments -C -s \\\n    ", arguments, " && return\n  case $state in\n",
                  "    command) _describe -t commands command commands ;;\n    argument)\n      case $words[1] in\n");
  for (const ProgramView& part : command.commands) {
    absl::StrAppend(&text, "        ", part.name, ") ", FunctionOf(program, part), " ;;\n");
  }
  return absl::StrCat(text, "      esac\n      ;;\n  esac\n}\n");
}

}  // namespace

std::string ZshCompletion(const ProgramView& program) {
  std::string script = absl::StrCat("#compdef ", program.name, "\n# Completion of ", program.name, " for zsh.\n");
  for (const ProgramView* command : AllCommands(program)) absl::StrAppend(&script, Function(program, *command));
  const std::string function = FunctionOf(program, program);
  // Read from fpath it is called at once; sourced it is only registered.
  absl::StrAppend(&script, "if [[ $funcstack[1] == ", function, " ]]; then\n  ", function, " \"$@\"\nelse\n  compdef ", function,
                  " ", program.name, "\nfi\n");
  return script;
}

}  // namespace manual
