#include "program_view.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace manual {
namespace {

std::vector<std::string> SortedNames(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  names.reserve(options.size());
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::sort(names.begin(), names.end());
  return names;
}

OptionView ViewOf(const CLI::Option& option) {
  OptionView view;
  for (const std::string& name : option.get_snames()) view.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) view.names.push_back("--" + name);
  if (option.get_positional()) view.argument = option.get_name(/*positional=*/true);
  if (option.get_type_size() != 0) {
    const std::vector<std::string> type = absl::StrSplit(option.get_type_name(), absl::MaxSplits(':', 1));
    view.value = type[0];
    if (type.size() > 1) view.constraint = type[1];
  }
  view.description = option.get_description();
  view.default_value = option.get_default_str();
  view.environment_variable = option.get_envname();
  view.needs = SortedNames(option.get_needs());
  view.excludes = SortedNames(option.get_excludes());
  view.required = option.get_required();
  view.repeated = option.get_items_expected_max() > 1;
  return view;
}

ProgramView ViewUnder(const CLI::App& app, const std::string& path) {
  ProgramView view = {.name = app.get_name(), .path = path, .description = app.get_description(), .footer = app.get_footer()};
  for (const CLI::Option* option : app.get_options([](const CLI::Option* shown) { return !shown->get_group().empty(); })) {
    OptionView option_view = ViewOf(*option);
    (option_view.names.empty() ? view.arguments : view.flags).push_back(std::move(option_view));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App* shown) { return !shown->get_group().empty(); })) {
    view.commands.push_back(
        ViewUnder(*command, path.empty() ? command->get_name() : absl::StrCat(path, " ", command->get_name())));
  }
  return view;
}

void Collect(const ProgramView& program, std::vector<const ProgramView*>& all) {
  all.push_back(&program);
  for (const ProgramView& command : program.commands) Collect(command, all);
}

}  // namespace

std::vector<std::string> OptionView::choices() const {
  if (value.find('|') == std::string::npos) return {};
  return absl::StrSplit(value, '|');
}

ProgramView ViewOf(const CLI::App& app) { return ViewUnder(app, ""); }

std::vector<const ProgramView*> AllCommands(const ProgramView& program) {
  std::vector<const ProgramView*> all;
  Collect(program, all);
  return all;
}

bool HasFlag(const ProgramView& command, const std::string& name) {
  return std::any_of(command.flags.begin(), command.flags.end(), [&](const OptionView& flag) {
    return std::find(flag.names.begin(), flag.names.end(), name) != flag.names.end();
  });
}

}  // namespace manual
