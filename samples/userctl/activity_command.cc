#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "columns.h"
#include "commands.h"
#include "exit_status.h"
#include "json_line.h"
#include "option_checks.h"
#include "printable.h"
#include "reader_watch.h"

namespace userctl {
namespace {

using user::v1::ActivityEvent;
using user::v1::StreamActivityRequest;

constexpr size_t kEventIdWidth = 12;
constexpr size_t kActionWidth = 10;

struct ActivityOptions {
  std::string user_id{};
  std::optional<int32_t> limit{};
  /// Empty: from the first.
  std::string after{};
};

StreamActivityRequest RequestFor(const ActivityOptions& options) {
  StreamActivityRequest request;
  request.set_user_id(options.user_id);
  request.set_after_event_id(options.after);
  if (options.limit) request.set_limit(*options.limit);
  return request;
}

std::string TableHeader() {
  return absl::StrCat(Column("TIME", kTimeWidth), Column("EVENT_ID", kEventIdWidth), Column("ACTION", kActionWidth), "RESOURCE");
}

std::string ToTableRow(const ActivityEvent& event) {
  return absl::StrCat(Column(TimeText(event.timestamp_unix()), kTimeWidth), Column(Printable(event.event_id()), kEventIdWidth),
                      Column(Printable(event.action()), kActionWidth), Printable(event.resource()));
}

std::string ToJsonLine(const ActivityEvent& event) {
  return JsonLine({{"event_id", std::string(event.event_id())},
                   {"action", std::string(event.action())},
                   {"resource", std::string(event.resource())},
                   {"timestamp_unix", event.timestamp_unix()}});
}

/// How far it has come, of a command that did not come to the end; in one piece, because other threads write too.
void Summarise(const Session& session, int64_t shown, const std::string& last) {
  std::string line;
  if (session.json()) {
    nlohmann::ordered_json summary = {{"events", shown}, {"complete", false}};
    if (!last.empty()) summary["last_event_id"] = last;
    line = JsonLine({{"summary", std::move(summary)}});
  } else {
    line = absl::StrCat("userctl: not complete, ", shown, shown == 1 ? " event" : " events",
                        last.empty() ? "" : absl::StrCat("; what follows: --after ", Printable(last)));
  }
  std::cerr << line + "\n" << std::flush;
}

int Activity(const ActivityOptions& options, Session& session) {
  const std::optional<userclient::UserClient> client = session.Connect();
  if (!client) return kWrongUsage;

  userclient::MessageStream<ActivityEvent> events = client->StreamActivity(RequestFor(options), session.call_options());
  const ReaderWatch reader([&events] { events.Cancel(); });
  int64_t shown = 0;
  std::string last;
  for (const ActivityEvent& event : events) {
    if (shown++ == 0 && !session.json()) session.output().Line(TableHeader());
    session.output().Line(session.json() ? ToJsonLine(event) : ToTableRow(event));
    if (!session.output().open()) return kSuccess;
    last = event.event_id();
  }
  session.TellReport();

  const absl::Status status = events.status();
  if (reader.gone()) return kSuccess;
  if (status.ok()) {
    if (shown == 0 && !session.json()) session.output().Line(TableHeader());
    return kSuccess;
  }
  const int exit_status = session.Fail("activity " + options.user_id, status);
  if (shown > 0 || session.stop().stop_requested()) Summarise(session, shown, last);
  return exit_status;
}

}  // namespace

void AddActivityCommand(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ActivityOptions>();
  CLI::App* activity = app.add_subcommand("activity", "Show what a user did, oldest first, as it arrives");
  activity->add_option("ID", options->user_id, "The user")->required()->check(Text());
  activity->add_option("--limit", options->limit, "Stop after so many events")
      ->check(WholeNumber(1, std::numeric_limits<int32_t>::max()).description(""))
      ->type_name("N");
  activity->add_option("--after", options->after, "Only what follows this event")->check(SomeText())->type_name("EVENT_ID");
  activity->footer(
      "Every event is shown once and in order: if the connection breaks or the server dies, it goes on at another one where it\n"
      "was (--verbose tells how often). --timeout is for the whole of it. If it fails or is interrupted, it tells where to go "
      "on.\n\n"
      "Examples:\n"
      "  userctl --target 127.0.0.1:50051 activity u-1 --limit 20\n"
      "  userctl --target 127.0.0.1:50051 --json activity u-1 --after e-0000000020 > activity.jsonl");
  activity->callback([options, &chosen] { chosen = [options](Session& session) { return Activity(*options, session); }; });
}

}  // namespace userctl
