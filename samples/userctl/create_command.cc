#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "commands.h"
#include "exit_status.h"
#include "json_line.h"
#include "option_checks.h"
#include "user_view.h"

namespace userctl {
namespace {

using user::v1::CreateUserRequest;
using user::v1::CreateUserResponse;

struct CreateOptions {
  std::string email{};
  std::string name{};
  /// Empty: the client makes one.
  std::string idempotency_key{};
};

int Create(const CreateOptions& options, Session& session) {
  const std::optional<userclient::UserClient> client = session.Connect();
  if (!client) return kWrongUsage;

  CreateUserRequest request;
  request.set_email(options.email);
  request.set_display_name(options.name);
  request.set_idempotency_key(options.idempotency_key);
  const absl::StatusOr<CreateUserResponse> created = client->CreateUser(std::move(request), session.call_options());
  session.TellReport();
  if (!created.ok()) return session.Fail("create " + options.email, created.status());

  const UserView user(created->user());
  session.output().Line(session.json() ? JsonLine(ToJson(user)) : ToText(user));
  return kSuccess;
}

}  // namespace

void AddCreateCommand(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<CreateOptions>();
  CLI::App* create = app.add_subcommand("create", "Create a user and show it");
  create->add_option("--email", options->email, "Its address, unique among all users")->required()->check(Text())->type_name("E");
  create->add_option("--name", options->name, "Its display name")->required()->check(Text())->type_name("N");
  create->add_option("--idempotency-key", options->idempotency_key, "The key of this create; without it a fresh one is made")
      ->check(SomeText())
      ->type_name("K");
  create->footer(
      "However many attempts it takes, the user is created once. To be able to repeat the command itself safely, give\n"
      "--idempotency-key: the same key with the same user shows the first result again, with another user it fails with\n"
      "FAILED_PRECONDITION.\n\n"
      "Example:\n"
      "  userctl --target 127.0.0.1:50051 create --email ada@example.com --name Ada --idempotency-key signup-4711");
  create->callback([options, &chosen] { chosen = [options](Session& session) { return Create(*options, session); }; });
}

}  // namespace userctl
