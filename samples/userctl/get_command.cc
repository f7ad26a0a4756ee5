#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "commands.h"
#include "exit_status.h"
#include "json_line.h"
#include "option_checks.h"
#include "user_view.h"

namespace userctl {
namespace {

using user::v1::GetUserRequest;
using user::v1::GetUserResponse;

int Get(const std::vector<std::string>& ids, Session& session) {
  const std::optional<userclient::UserClient> client = session.Connect();
  if (!client) return kWrongUsage;

  const bool table = ids.size() > 1 && !session.json();
  bool has_header = false;
  int exit_status = kSuccess;
  for (const std::string& id : ids) {
    GetUserRequest request;
    request.set_user_id(id);
    const absl::StatusOr<GetUserResponse> user = client->GetUser(request, session.call_options());
    session.TellReport();
    if (!user.ok()) {
      const int failed = session.Fail(absl::StrCat("get ", id.empty() ? "\"\"" : id), user.status());
      if (exit_status == kSuccess) exit_status = failed;
    } else if (session.json()) {
      session.output().Line(JsonLine(ToJson(UserView(*user))));
    } else if (table) {
      if (!std::exchange(has_header, true)) session.output().Line(TableHeader(/*with_status=*/false));
      session.output().Line(ToTableRow(UserView(*user)));
    } else {
      session.output().Line(ToText(UserView(*user)));
    }
    if (!session.ShouldGoOn()) break;
  }
  return exit_status;
}

}  // namespace

void AddGetCommand(CLI::App& app, Command& chosen) {
  const auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App* get = app.add_subcommand("get", "Show users by their ids");
  get->add_option("ID", *ids, "The users, fetched one after the other")->required()->check(Text());
  get->footer(
      "All ids are tried; the exit status is that of the first failure. An id that begins with '-' goes after --.\n"
      "Where the service config has staleIfError, the answer may be an earlier one; standard error then says so.\n\n"
      "Examples:\n"
      "  userctl --target dns:///users.example.com:50051 get u-1\n"
      "  userctl --target 127.0.0.1:50051 --json get u-1 u-2 | jq -r .email");
  get->callback([ids, &chosen] { chosen = [ids](Session& session) { return Get(*ids, session); }; });
}

}  // namespace userctl
