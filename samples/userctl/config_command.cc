#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "commands.h"
#include "exit_status.h"
#include "json_line.h"
#include "printable.h"
#include "userclient/service_config.h"

namespace userctl {
namespace {

int CheckConfig(const std::string& file, Session& session) {
  const absl::StatusOr<userclient::ServiceConfig> config = userclient::ServiceConfig::Load(file);
  if (!config.ok()) return session.FailUsage(config.status());
  if (const absl::Status status = userclient::UserClient::CheckConfig(*config); !status.ok()) {
    return session.FailUsage(absl::Status(status.code(), absl::StrCat(file, ": ", std::string(status.message()))));
  }
  const std::vector<std::string> advice = userclient::Advise(*config);
  if (session.json()) {
    session.output().Line(JsonLine({{"file", file}, {"ok", true}, {"advice", advice}}));
    return kSuccess;
  }
  session.output().Line(absl::StrCat(Printable(file), ": OK"));
  for (const std::string& note : advice) session.output().Line(absl::StrCat("  note: ", Printable(note)));
  return kSuccess;
}

}  // namespace

void AddConfigCommands(CLI::App& app, Command& chosen) {
  CLI::App* config = app.add_subcommand("config", "Work with service config files; calls nobody");
  config->require_subcommand(1);

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

}  // namespace userctl
