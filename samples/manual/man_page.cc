#include "man_page.h"

#include <cstddef>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace manual {
namespace {

/// Text as it is, whatever roff would make of it.
std::string Roff(const std::string& text) {
  std::string escaped =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"'", "\\(aq"}, {"`", "\\(ga"}, {"^", "\\(ha"}, {"~", "\\(ti"}});
  if (escaped.starts_with('.')) escaped.insert(0, "\\&");
  return escaped;
}

std::string Bold(const std::string& text) { return absl::StrCat("\\fB", Roff(text), "\\fR"); }
std::string Italic(const std::string& text) { return absl::StrCat("\\fI", Roff(text), "\\fR"); }

/// In quotes, as the argument of a macro.
std::string Argument(const std::string& text) { return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\\(dq"}}), "\""); }

/// A block of a footer: prose, or indented lines and what stands above them.
struct Block {
  std::string heading{};
  std::string prose{};
  std::vector<std::string> lines{};
};

std::vector<Block> BlocksOf(const std::string& footer) {
  std::vector<Block> blocks;
  bool at_beginning = true;
  const std::vector<std::string> lines = absl::StrSplit(footer, '\n');
  for (const std::string& line : lines) {
    if (line.empty()) {
      at_beginning = true;
      continue;
    }
    const bool is_indented = line.starts_with("  ");
    if (at_beginning || (!is_indented && !blocks.back().lines.empty())) blocks.emplace_back();
    at_beginning = false;
    Block& block = blocks.back();
    if (is_indented) {
      block.lines.push_back(line.substr(2));
    } else {
      absl::StrAppend(&block.prose, block.prose.empty() ? "" : "\n", line);
    }
  }
  for (Block& block : blocks) {
    const bool is_heading = !block.lines.empty() && block.prose.ends_with(':') && block.prose.find('\n') == std::string::npos;
    if (!is_heading) continue;
    block.heading = block.prose.substr(0, block.prose.size() - 1);
    block.prose.clear();
  }
  return blocks;
}

std::string Lines(const std::vector<std::string>& lines) {
  std::string text = ".RS 4\n.nf\n";
  for (const std::string& line : lines) absl::StrAppend(&text, Roff(line), "\n");
  return text + ".fi\n.RE\n";
}

std::string Prose(const std::string& prose) {
  std::string text = ".PP\n";
  const std::vector<std::string> lines = absl::StrSplit(prose, '\n');
  for (const std::string& line : lines) absl::StrAppend(&text, Roff(line), "\n");
  return text;
}

std::string Footer(const std::string& footer) {
  std::string text;
  for (const Block& block : BlocksOf(footer)) {
    if (!block.prose.empty()) text += Prose(block.prose);
    if (!block.heading.empty()) absl::StrAppend(&text, ".PP\n", Bold(block.heading), "\n");
    if (!block.lines.empty()) text += Lines(block.lines);
  }
  return text;
}

/// "\fIFILE\fR", "[\fIID\fR...]"
std::string ArgumentUsage(const OptionView& argument) {
  const std::string name = absl::StrCat(Italic(argument.argument), argument.repeated ? "..." : "");
  return argument.required ? name : absl::StrCat("[", name, "]");
}

std::string Usage(const std::string& program, const ProgramView& command) {
  std::string usage = Bold(command.path.empty() ? program : absl::StrCat(program, " ", command.path));
  absl::StrAppend(&usage, " [", Italic("OPTION"), "...]");
  for (const OptionView& argument : command.arguments) absl::StrAppend(&usage, " ", ArgumentUsage(argument));
  if (!command.commands.empty()) absl::StrAppend(&usage, " ", Italic("COMMAND"), " ...");
  return usage;
}

std::string OptionText(const OptionView& option) {
  std::string tag = Bold(option.argument);
  if (!option.names.empty()) {
    tag = absl::StrJoin(option.names, ", ", [](std::string* text, const std::string& name) { *text += Bold(name); });
    if (!option.value.empty()) absl::StrAppend(&tag, " ", Italic(option.value));
  }
  std::vector<std::string> notes;
  if (option.required && !option.names.empty()) notes.emplace_back("required");
  if (!option.constraint.empty()) notes.push_back(option.constraint);
  if (!option.default_value.empty()) notes.push_back("default: " + option.default_value);
  for (const std::string& other : option.needs) notes.push_back("needs " + other);
  for (const std::string& other : option.excludes) notes.push_back("not with " + other);
  std::string text = Roff(option.description);
  if (!notes.empty()) absl::StrAppend(&text, " (", Roff(absl::StrJoin(notes, "; ")), ")");
  return absl::StrCat(".TP\n", tag, "\n", text, "\n");
}

/// `but_help`: that a command has --help is said once, for all.
std::string Options(const ProgramView& command, bool but_help) {
  std::string text;
  for (const OptionView& argument : command.arguments) text += OptionText(argument);
  for (const OptionView& flag : command.flags) {
    if (but_help && flag.names.back() == "--help") continue;
    text += OptionText(flag);
  }
  return text;
}

std::string Commands(const ProgramView& program) {
  if (program.commands.empty()) return "";
  std::string text = ".SH COMMANDS\n";
  for (const ProgramView* command : AllCommands(program)) {
    // What only holds others together is named by them.
    if (command == &program || !command->commands.empty()) continue;
    absl::StrAppend(&text, ".SS ", Argument(Usage(program.name, *command)), "\n", Roff(command->description), ".\n",
                    Options(*command, /*but_help=*/true), Footer(command->footer));
  }
  return text;
}

std::string Environment(const ProgramView& program) {
  std::string text;
  for (const ProgramView* command : AllCommands(program)) {
    for (const OptionView& flag : command->flags) {
      if (flag.environment_variable.empty()) continue;
      absl::StrAppend(&text, ".TP\n", Bold(flag.environment_variable), "\nThe value of ", Bold(flag.names.back()),
                      " where it is not given.\n");
    }
  }
  return text.empty() ? "" : ".SH ENVIRONMENT\n" + text;
}

}  // namespace

std::string ManPage(const ProgramView& program, std::string_view version, std::string_view see_also) {
  std::string description = program.description;
  if (description.ends_with('.')) description.pop_back();
  std::string prose;
  std::string sections;
  for (const Block& block : BlocksOf(program.footer)) {
    if (!block.prose.empty()) prose += Prose(block.prose);
    if (!block.heading.empty()) absl::StrAppend(&sections, ".SH ", Argument(absl::AsciiStrToUpper(block.heading)), "\n");
    if (!block.lines.empty()) (block.heading.empty() ? prose : sections) += Lines(block.lines);
  }
  return absl::StrCat(".TH ", Argument(absl::AsciiStrToUpper(program.name)), " 1 \"\" ",
                      Argument(absl::StrCat(program.name, " ", std::string(version))), " \"User Commands\"\n.nh\n.SH NAME\n",
                      Roff(program.name), " \\- ", Roff(description), "\n.SH SYNOPSIS\n", Usage(program.name, program),
                      "\n.SH DESCRIPTION\n", Roff(description), ".\n", prose, ".SH OPTIONS\n",
                      Options(program, /*but_help=*/false), Commands(program), Environment(program), sections, ".SH SEE ALSO\n",
                      Roff(std::string(see_also)), "\n");
}

}  // namespace manual
