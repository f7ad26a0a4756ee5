#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "commands.h"
#include "exit_status.h"
#include "json_line.h"
#include "option_checks.h"
#include "user_view.h"

namespace userctl {
namespace {

using user::v1::ListUsersRequest;

constexpr int32_t kLargestPage = 1000;

struct ListOptions {
  std::optional<int32_t> page_size{};
  std::optional<int64_t> limit{};
};

ListUsersRequest FirstPage(const ListOptions& options) {
  ListUsersRequest request;
  if (options.page_size) {
    request.set_page_size(*options.page_size);
  } else if (options.limit) {
    request.set_page_size(static_cast<int32_t>(std::min<int64_t>(*options.limit, kLargestPage)));
  }
  return request;
}

int List(const ListOptions& options, Session& session) {
  const std::optional<userclient::UserClient> client = session.Connect();
  if (!client) return kWrongUsage;

  int64_t shown = 0;
  userclient::UserList users = client->ListAllUsers(FirstPage(options), session.call_options());
  for (const user::v1::User& user : users) {
    session.TellReport();
    if (session.json()) {
      session.output().Line(JsonLine(ToJson(UserView(user))));
    } else {
      if (shown == 0) session.output().Line(TableHeader(/*with_status=*/true));
      session.output().Line(ToTableRow(UserView(user)));
    }
    if (++shown == options.limit || !session.output().open()) break;
  }
  session.TellReport();

  if (!users.status().ok()) return session.Fail("list", users.status());
  if (shown == 0 && !session.json()) session.output().Line(TableHeader(/*with_status=*/true));
  return kSuccess;
}

}  // namespace

void AddListCommand(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App* list = app.add_subcommand("list", "Show all users in order of creation, page after page as they arrive");
  list->add_option("--page-size", options->page_size, "Users fetched by one call; without it the server chooses")
      ->check(WholeNumber(1, kLargestPage))
      ->type_name("N");
  list->add_option("--limit", options->limit, "Stop after so many users")->check(PositiveNumber())->type_name("N");
  list->footer(
      "Each page is a call of its own: --timeout is for one page. If a page fails, what came before has been shown.\n\n"
      "Examples:\n"
      "  userctl --target 127.0.0.1:50051 list --limit 20\n"
      "  userctl --target 127.0.0.1:50051 --json list --page-size 500 > users.jsonl");
  list->callback([options, &chosen] { chosen = [options](Session& session) { return List(*options, session); }; });
}

}  // namespace userctl
