#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "commands.h"
#include "config_explain.h"
#include "exit_status.h"
#include "json_line.h"
#include "printable.h"
#include "terminal_width.h"
#include "userclient/service_config.h"

namespace userctl {
namespace {

/// A config that a client will take.
absl::StatusOr<userclient::ServiceConfig> Load(const std::string& file) {
  absl::StatusOr<userclient::ServiceConfig> config = userclient::ServiceConfig::Load(file);
  if (!config.ok()) return config;
  if (const absl::Status status = userclient::UserClient::CheckConfig(*config); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(file, ": ", std::string(status.message())));
  }
  return config;
}

int CheckConfig(const std::string& file, Session& session) {
  const absl::StatusOr<userclient::ServiceConfig> config = Load(file);
  if (!config.ok()) return session.FailUsage(config.status());
  const std::vector<std::string> advice = userclient::Advise(*config);
  if (session.json()) {
    session.output().Line(JsonLine({{"file", file}, {"ok", true}, {"advice", advice}}));
    return kSuccess;
  }
  session.output().Line(absl::StrCat(Printable(file), ": OK"));
  for (const std::string& note : advice) session.output().Line(absl::StrCat("  note: ", Printable(note)));
  return kSuccess;
}

int ExplainConfig(const std::optional<std::string>& argument, Session& session) {
  const std::optional<std::string>& flag = session.options().config;
  if (argument && flag) {
    return session.FailUsage(absl::InvalidArgumentError("two files to explain: give FILE or --config FILE, not both"));
  }
  const std::optional<std::string>& file = argument ? argument : flag;
  const absl::StatusOr<userclient::ServiceConfig> config = file ? Load(*file) : userclient::ServiceConfig::Default();
  if (!config.ok()) return session.FailUsage(config.status());
  session.output().Line(session.json() ? ExplainJson(*config, file) : ExplainText(*config, file, TerminalWidth()));
  return kSuccess;
}

void AddCheckCommand(CLI::App* config, Command& chosen) {
  const auto file = std::make_shared<std::string>();
  CLI::App* check = config->add_subcommand(
      "check", "Say whether a file can be used, or every mistake in it and where; notes what is legal but rarely meant");
  check->add_option("FILE", *file, "The service config, JSON")->required();
  check->footer(
      "Exit status: 0 if every program that uses userclient will take the file, 2 if none will.\n\n"
      "Example:\n"
      "  userctl config check service_config/production.json");
  check->callback([file, &chosen] { chosen = [file](Session& session) { return CheckConfig(*file, session); }; });
}

void AddExplainCommand(CLI::App* config, Command& chosen) {
  const auto file = std::make_shared<std::optional<std::string>>();
  CLI::App* explain = config->add_subcommand(
      "explain", "Show what a file means: for every method its deadline, attempts and compartment, and where each stands");
  explain->add_option("FILE", *file, "The service config, JSON; without it that of --config, else the one that is built in");
  explain->footer(
      "Lines are as long as the terminal allows, 80 to 120 characters; 100 in a file or a pipe. COLUMNS says otherwise.\n\n"
      "Exit status: 0, or 2 for a file that cannot be used.\n\n"
      "Examples:\n"
      "  userctl config explain\n"
      "  userctl config explain service_config/hedging.json\n"
      "  userctl --json config explain | jq '.methods[] | {method, deadline_ms, deadline_from}'");
  explain->callback([file, &chosen] { chosen = [file](Session& session) { return ExplainConfig(*file, session); }; });
}

}  // namespace

void AddConfigCommands(CLI::App& app, Command& chosen) {
  CLI::App* config = app.add_subcommand("config", "Work with service config files; calls nobody");
  config->require_subcommand(1);
  AddCheckCommand(config, chosen);
  AddExplainCommand(config, chosen);
}

}  // namespace userctl
