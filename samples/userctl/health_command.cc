#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "commands.h"
#include "exit_status.h"
#include "json_line.h"
#include "option_checks.h"
#include "printable.h"
#include "serving_status.h"

namespace userctl {
namespace {

using userclient::ServingStatus;

int ExitStatusOf(ServingStatus status) {
  switch (status) {
    case ServingStatus::kServing:
      return kSuccess;
    case ServingStatus::kNotServing:
      return userctl::ExitStatusOf(absl::StatusCode::kUnavailable);
    case ServingStatus::kUnknown:
      break;
  }
  return userctl::ExitStatusOf(absl::StatusCode::kNotFound);
}

int Health(const std::string& service, Session& session) {
  const std::optional<userclient::UserClient> client = session.Connect();
  if (!client) return kWrongUsage;

  const absl::StatusOr<ServingStatus> health = client->CheckHealth(service, session.call_options());
  session.TellReport();
  const std::string shown = service.empty() ? "the server" : service;
  if (!health.ok()) return session.Fail(absl::StrCat("health of ", shown), health.status());

  session.output().Line(session.json() ? JsonLine({{"service", service}, {"status", NameOf(*health)}})
                                       : absl::StrCat(Printable(shown), ": ", NameOf(*health)));
  return ExitStatusOf(*health);
}

}  // namespace

void AddHealthCommand(CLI::App& app, Command& chosen) {
  const auto service = std::make_shared<std::string>();
  CLI::App* health = app.add_subcommand("health", "Ask a server whether it takes calls (grpc.health.v1)");
  health
      ->add_option("SERVICE", *service,
                   "The full name of a service, for example user.v1.UserService; without it, the server as a whole")
      ->check(Text());
  health->footer(
      "Exit status: 0 for SERVING, 78 for NOT_SERVING, 69 for SERVICE_UNKNOWN (the server has no such service).\n\n"
      "Example:\n"
      "  userctl --target 127.0.0.1:50051 --timeout 1s health user.v1.UserService");
  health->callback([service, &chosen] { chosen = [service](Session& session) { return Health(*service, session); }; });
}

}  // namespace userctl
