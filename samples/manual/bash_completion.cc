#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "completion.h"

namespace manual {
namespace {

constexpr char kScript[] = R"(# Completion of PROGRAM for bash.
_PROGRAM() {
  local current=${COMP_WORDS[COMP_CWORD]} command='' flag='' places=0 files='' words='' i
  # The command so far, and a flag that waits for its value. --flag=value comes as three words, and so does HOST:PORT.
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${COMP_WORDS[i]} == : ]]; then
      ((++i))
      continue
    fi
    if [[ -n $flag ]]; then
      [[ ${COMP_WORDS[i]} == = ]] || flag=''
      continue
    fi
    case "$command:${COMP_WORDS[i]}" in
VALUES
      *:-*) ;;
COMMANDS
      *) ((++places)) ;;
    esac
  done
  COMPREPLY=()
  # The end of an argument whose beginning is another word.
  [[ $current == : ]] || ((i > COMP_CWORD)) && return
  [[ $current == = ]] && current=''
  if [[ -n $flag ]]; then
    case "$command:$flag" in
FLAG_VALUES
      *) ;;
    esac
  elif [[ $current == -* ]]; then
    case $command in
FLAGS
    esac
  else
    case "$command:$places" in
ARGUMENTS
      *) ;;
    esac
  fi
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  elif [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -F _PROGRAM PROGRAM
)";

std::string Indented(const std::vector<std::string>& lines) {
  return absl::StrJoin(lines, "\n", [](std::string* text, const std::string& line) { absl::StrAppend(text, "      ", line); });
}

/// A pattern for a flag of this command; those of the program go with every command.
std::vector<std::string> Patterns(const ProgramView& command, const OptionView& flag) {
  std::vector<std::string> patterns;
  const std::string before = command.path.empty() ? "*:" : absl::StrCat("'", command.path, ":'");
  for (const std::string& name : flag.names) patterns.push_back(before + name);
  return patterns;
}

/// What sets `words` or `files`; empty if there is nothing to offer.
std::string Offer(const OptionView& option) {
  if (option.is_file()) return "files=1";
  const std::vector<std::string> choices = option.choices();
  return choices.empty() ? "" : absl::StrCat("words='", absl::StrJoin(choices, " "), "'");
}

std::string ValueLines(const ProgramView& program) {
  std::vector<std::string> patterns;
  for (const ProgramView* command : AllCommands(program)) {
    for (const OptionView& flag : command->flags) {
      const bool is_matched = command != &program && HasFlag(program, flag.names.back());
      if (flag.value.empty() || is_matched) continue;
      for (const std::string& pattern : Patterns(*command, flag)) patterns.push_back(pattern);
    }
  }
  if (patterns.empty()) return "";
  return Indented({absl::StrCat(absl::StrJoin(patterns, " | "), ") flag=${COMP_WORDS[i]} ;;")});
}

std::string CommandLines(const ProgramView& program) {
  std::vector<std::string> lines;
  for (const ProgramView* parent : AllCommands(program)) {
    for (const ProgramView& command : parent->commands) {
      lines.push_back(absl::StrCat("'", parent->path, ":", command.name, "') command='", command.path, "' ;;"));
    }
  }
  return Indented(lines);
}

std::string FlagValueLines(const ProgramView& program) {
  std::vector<std::string> lines;
  const auto add = [&](const ProgramView& command) {
    for (const OptionView& flag : command.flags) {
      if (flag.value.empty()) continue;
      const std::string offer = Offer(flag);
      const bool hides_another = &command != &program && HasFlag(program, flag.names.back());
      if (offer.empty() && !hides_another) continue;
      lines.push_back(absl::StrCat(absl::StrJoin(Patterns(command, flag), " | "), ") ", offer, offer.empty() ? ";;" : " ;;"));
    }
  };
  std::vector<const ProgramView*> inwards = AllCommands(program);
  // The more exact patterns first.
  std::rotate(inwards.begin(), inwards.begin() + 1, inwards.end());
  for (const ProgramView* command : inwards) add(*command);
  return Indented(lines);
}

std::string FlagLines(const ProgramView& program) {
  const auto names = [](const ProgramView& command, std::vector<std::string> all) {
    for (const OptionView& flag : command.flags) {
      for (const std::string& name : flag.names) {
        if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
      }
    }
    return all;
  };
  const std::vector<std::string> everywhere = names(program, {});
  std::vector<std::string> lines;
  for (const ProgramView* command : AllCommands(program)) {
    lines.push_back(absl::StrCat("'", command->path, "') words='", absl::StrJoin(names(*command, everywhere), " "), "' ;;"));
  }
  return Indented(lines);
}

std::string ArgumentLines(const ProgramView& program) {
  std::vector<std::string> lines;
  for (const ProgramView* command : AllCommands(program)) {
    if (!command->commands.empty()) {
      const std::string names =
          absl::StrJoin(command->commands, " ", [](std::string* text, const ProgramView& part) { *text += part.name; });
      lines.push_back(absl::StrCat("'", command->path, ":0') words='", names, "' ;;"));
    }
    for (size_t place = 0; place < command->arguments.size(); ++place) {
      const OptionView& argument = command->arguments[place];
      const std::string offer = Offer(argument);
      if (offer.empty()) continue;
      lines.push_back(argument.repeated ? absl::StrCat("'", command->path, ":'*) ", offer, " ;;")
                                        : absl::StrCat("'", command->path, ":", place, "') ", offer, " ;;"));
    }
  }
  return Indented(lines);
}

}  // namespace

std::string BashCompletion(const ProgramView& program) {
  std::string script = absl::StrReplaceAll(kScript, {{"\nVALUES\n", absl::StrCat("\n", ValueLines(program), "\n")},
                                                     {"\nCOMMANDS\n", absl::StrCat("\n", CommandLines(program), "\n")},
                                                     {"\nFLAG_VALUES\n", absl::StrCat("\n", FlagValueLines(program), "\n")},
                                                     {"\nFLAGS\n", absl::StrCat("\n", FlagLines(program), "\n")},
                                                     {"\nARGUMENTS\n", absl::StrCat("\n", ArgumentLines(program), "\n")},
                                                     {"PROGRAM", program.name}});
  // Where there was nothing to say.
  while (absl::StrReplaceAll({{"\n\n", "\n"}}, &script) > 0) {
  }
  return script;
}

std::string CompletionFor(std::string_view shell, const ProgramView& program) {
  if (shell == "bash") return BashCompletion(program);
  if (shell == "zsh") return ZshCompletion(program);
  if (shell == "fish") return FishCompletion(program);
  return "";
}

}  // namespace manual
