#include "command_line.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "manual/footer_lines.h"
#include "userclient/version.h"

namespace userctl {
namespace {

constexpr char kName[] = "userctl";
constexpr char kDescription[] =
    "Calls user.v1.UserService: shows, lists and creates users, follows what happens, checks health and service configs.";
constexpr char kFooter[] =
    "userctl COMMAND --help tells more about a command.\n\n"
    "Exit status:\n"
    "  0   the call succeeded\n"
    "  64 + the gRPC code of a failed call: 65 CANCELLED (Ctrl-C), 67 INVALID_ARGUMENT, 68 DEADLINE_EXCEEDED,\n"
    "      69 NOT_FOUND, 70 ALREADY_EXISTS, 71 PERMISSION_DENIED, 72 RESOURCE_EXHAUSTED, 73 FAILED_PRECONDITION,\n"
    "      76 UNIMPLEMENTED, 77 INTERNAL, 78 UNAVAILABLE, 80 UNAUTHENTICATED\n"
    "  2   wrong usage: a flag, the target, a config or a credentials file that cannot be used\n"
    "  1   the result could not be written\n\n"
    "Results go to standard output, everything else to standard error.\n\n"
    "Examples:\n"
    "  userctl --target 127.0.0.1:50051 get u-1\n"
    "  USERCTL_TARGET=dns:///users.example.com:50051 userctl --ca ca.pem --verbose list --limit 20\n"
    "  userctl config check service_config/production.json";

/// The help of a command shows the flags of the program too, so that it is enough on its own.
void ShowGlobalOptions(const CLI::App& app, CLI::App& command) {
  command.footer([&app] {
    const auto is_global = [](const CLI::Option* option) { return option->get_group() == kGlobalOptionsGroup; };
    return CLI::Formatter().make_group(kGlobalOptionsGroup, /*is_positional=*/false, app.get_options(is_global));
  });
  for (CLI::App* part : command.get_subcommands([](const CLI::App*) { return true; })) ShowGlobalOptions(app, *part);
}

std::string NamesOfCommands(const CLI::App& app) {
  const std::vector<const CLI::App*> commands = app.get_subcommands([](const CLI::App*) { return true; });
  return absl::StrJoin(commands, ", ", [](std::string* text, const CLI::App* command) { *text += command->get_name(); });
}

/// As help should head them.
void GroupCommands(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    command->group("Commands");
    GroupCommands(*command);
  }
}

/// The program, and the commands that were given, from the outside in.
std::vector<const CLI::App*> GivenCommands(const CLI::App& app) {
  std::vector<const CLI::App*> given = {&app};
  while (!given.back()->get_subcommands().empty()) given.push_back(given.back()->get_subcommands().front());
  return given;
}

bool LooksLikeFlag(const std::string& argument) { return argument.size() > 1 && argument.starts_with('-'); }

/// A flag that has no value, or more than one.
std::string ExplainMismatch(const std::vector<const CLI::App*>& given, const std::string& what) {
  for (const CLI::App* command : given) {
    for (const CLI::Option* option : command->get_options()) {
      const bool is_once = option->get_type_size() != 0 && option->get_items_expected_max() == 1;
      if (is_once && option->count() > 1) return absl::StrCat(option->get_name(), " is given ", option->count(), " times");
    }
  }
  return what.ends_with(" missing") ? absl::StrCat(what.substr(0, what.find(':')), " needs a value") : what;
}

/// Every flag and command, each with its own help.
void AddAll(CLI::App& app, GlobalOptions& options, Command& chosen) {
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", absl::StrCat("userctl ", std::string(userclient::Version())), "Print the version and exit");
  app.footer(kFooter);
  AddGlobalOptions(app, options);
  AddGetCommand(app, chosen);
  AddListCommand(app, chosen);
  AddCreateCommand(app, chosen);
  AddImportCommand(app, chosen);
  AddWatchCommand(app, chosen);
  AddActivityCommand(app, chosen);
  AddLookupCommand(app, chosen);
  AddHealthCommand(app, chosen);
  AddResolveCommand(app, chosen);
  AddLoadCommand(app, chosen);
  AddConfigCommands(app, chosen);
  AddCompletionCommand(app, chosen);
  AddManualCommand(app, chosen);
  GroupCommands(app);
}

}  // namespace

void DescribeCommandLine(CLI::App& app, GlobalOptions& options, Command& chosen) {
  app.description(kDescription);
  app.name(kName);
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  manual::KeepLinesOfFooters(app);
  AddAll(app, options, chosen);
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) ShowGlobalOptions(app, *command);
}

manual::ProgramView DescribeProgram() {
  CLI::App app(kDescription, kName);
  GlobalOptions options;
  Command chosen;
  AddAll(app, options, chosen);
  return manual::ViewOf(app);
}

std::string Explain(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<const CLI::App*> given = GivenCommands(app);
  const CLI::App& deepest = *given.back();
  const bool lacks_command = deepest.get_require_subcommand_min() > 0;
  const bool is_extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const bool is_missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  // One that is misspelt is the reason that another is missing.
  const auto flag = lacks_command ? unknown.begin() : std::find_if(unknown.begin(), unknown.end(), LooksLikeFlag);
  if ((is_extra || is_missing) && flag != unknown.end() && LooksLikeFlag(*flag)) {
    return absl::StrCat("there is no flag ", *flag, given.size() > 1 ? absl::StrCat(" for ", deepest.get_name()) : "");
  }
  if (lacks_command) {
    const std::string what =
        unknown.empty() ? "a command is missing" : absl::StrCat("there is no command \"", unknown.front(), "\"");
    return absl::StrCat(what, "; ", deepest.get_name(), " has: ", NamesOfCommands(deepest));
  }
  if (is_extra && !unknown.empty()) {
    return absl::StrCat("\"", unknown.front(), "\" is one argument too many for ", deepest.get_name());
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) return ExplainMismatch(given, error.what());
  return error.what();
}

}  // namespace userctl
