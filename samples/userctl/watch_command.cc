#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "columns.h"
#include "commands.h"
#include "duration.h"
#include "exit_status.h"
#include "json_line.h"
#include "option_checks.h"
#include "printable.h"
#include "reader_watch.h"
#include "user_view.h"
#include "userclient/user_watch.h"

namespace userctl {
namespace {

using userclient::UserWatch;

constexpr size_t kKindWidth = 7;
/// When a person begins to wonder.
constexpr std::chrono::seconds kQuickStart(3);

struct WatchOptions {
  /// Empty: from the present.
  std::string from{};
  std::optional<std::chrono::nanoseconds> until_idle{};
};

/// "USER_CHANGE_KIND_CREATED", or the number of a kind that is newer than this program.
std::string KindName(user::v1::UserChangeKind kind) {
  std::string name(user::v1::UserChangeKind_Name(kind));
  return name.empty() ? std::to_string(static_cast<int>(kind)) : name;
}

/// In one piece, because other threads write too.
void TellLine(const std::string& line) { std::cerr << line + "\n" << std::flush; }

/// One run of the command.
class Watch {
 public:
  Watch(const WatchOptions& options, Session& session) : options_(options), session_(session) {}

  int Run() {
    const std::optional<userclient::UserClient> client = session_.Connect();
    if (!client) return kWrongUsage;

    user::v1::WatchUsersRequest request;
    request.set_resume_token(options_.from);
    UserWatch watch = client->WatchUsers(request, session_.call_options());
    const ReaderWatch reader([&watch] { watch.Cancel(); });
    TellStart(watch);
    while (const std::optional<UserWatch::Change> change = Next(watch)) {
      Show(*change);
      if (!session_.output().open()) return kSuccess;
    }
    session_.TellReport();
    if (reader.gone()) return kSuccess;
    return End(watch);
  }

 private:
  /// Waits until it has begun, so that whoever reads knows from when on nothing is missed.
  void TellStart(const UserWatch& watch) const {
    bool started = watch.WaitStarted(kQuickStart);
    if (!started && watch.status().ok()) {
      if (!session_.json()) {
        TellLine(absl::StrCat("userctl: no server at ", Printable(session_.options().target),
                              " has answered yet; it goes on trying, Ctrl-C ends it"));
      }
      started = watch.WaitStarted(std::chrono::nanoseconds::max());
    }
    if (!started) return;
    TellLine(session_.json() ? JsonLine({{"watching", {{"resume_token", watch.resume_token()}}}})
                             : std::string("userctl: watching; Ctrl-C ends it"));
  }

  std::optional<UserWatch::Change> Next(UserWatch& watch) {
    if (!options_.until_idle) return watch.Next();
    userclient::PendingCall<std::optional<UserWatch::Change>> pending = watch.NextAsync();
    if (!pending.Wait(*options_.until_idle)) {
      idle_ = true;
      watch.Cancel();
    }
    // One that came in the last moment is still shown.
    absl::StatusOr<std::optional<UserWatch::Change>> change = std::move(pending).Get();
    return change.ok() ? *std::move(change) : std::nullopt;
  }

  void Show(const UserWatch::Change& change) {
    const UserView user(change.user());
    const bool first = shown_++ == 0;
    if (session_.json()) {
      return session_.output().Line(JsonLine(
          {{"kind", KindName(change.kind())}, {"user", ToJson(user)}, {"resume_token", std::string(change.resume_token())}}));
    }
    if (first) session_.output().Line(Column("CHANGE", kKindWidth) + TableHeader(/*with_status=*/true));
    const std::string kind = WithoutPrefix(KindName(change.kind()), "USER_CHANGE_KIND_");
    session_.output().Line(Column(kind, kKindWidth) + ToTableRow(user));
  }

  int End(const UserWatch& watch) {
    const absl::Status status = watch.status();
    const int exit_status = idle_ ? kSuccess : session_.Fail("watch", status);
    // A token that the server does not take is nothing to go on from.
    Summarise(absl::IsInvalidArgument(status) ? "" : watch.resume_token());
    if (absl::IsOutOfRange(status) && !session_.json()) {
      TellLine("hint: what followed is no longer known: watch without --from, and list the users once it watches");
    }
    return exit_status;
  }

  void Summarise(const std::string& token) const {
    if (session_.json()) {
      nlohmann::ordered_json summary = {{"changes", shown_}};
      if (!token.empty()) summary["resume_token"] = token;
      return TellLine(JsonLine({{"summary", std::move(summary)}}));
    }
    TellLine(absl::StrCat("userctl: ", shown_, shown_ == 1 ? " change" : " changes",
                          token.empty() ? "" : absl::StrCat("; what follows: --from ", Printable(token))));
  }

  const WatchOptions& options_;
  Session& session_;
  int64_t shown_ = 0;
  /// Nothing has come for as long as the person wants to wait.
  bool idle_ = false;
};

}  // namespace

void AddWatchCommand(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<WatchOptions>();
  CLI::App* watch = app.add_subcommand("watch", "Show the changes of users as they happen, until Ctrl-C");
  watch->add_option("--from", options->from, "Go on where another watch ended, with what it told; without it, from now on")
      ->check(SomeText())
      ->type_name("TOKEN");
  watch
      ->add_option_function<std::string>(
          "--until-idle",
          [options](const std::string& text) {
            const absl::StatusOr<std::chrono::nanoseconds> idle = ParseDuration(text);
            if (!idle.ok()) throw CLI::ValidationError("--until-idle", std::string(idle.status().message()));
            options->until_idle = *idle;
          },
          "End well once nothing has happened for so long: 200ms, 1.5s, 2m")
      ->type_name("D");
  watch->footer(
      "Every change is shown once and in order, whatever happens to the servers: it waits for them, and goes on where it was\n"
      "(--verbose tells when). When it ends it tells the token for --from, and with --json every change has "
      "its\n"
      "own. To follow all users: start it, list them once it tells that it is watching, and then apply what it shows. --timeout "
      "is\n"
      "for the whole of it; without it there is none. Ctrl-C is CANCELLED, as everywhere.\n\n"
      "Examples:\n"
      "  userctl --target dns:///users.example.com:50051 watch\n"
      "  userctl --target 127.0.0.1:50051 --json watch --from \"$TOKEN\" --until-idle 1s > changes.jsonl");
  watch->callback([options, &chosen] { chosen = [options](Session& session) { return Watch(*options, session).Run(); }; });
}

}  // namespace userctl
