#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "commands.h"
#include "exit_status.h"
#include "input_file.h"
#include "json_line.h"
#include "option_checks.h"
#include "printable.h"
#include "reader_watch.h"
#include "user_view.h"

namespace userctl {
namespace {

using user::v1::LookupUsersResponse;
using userclient::PendingCall;
using userclient::UserLookup;

constexpr char kStandardInput[] = "-";
/// Ids asked for and not shown yet. More than the client has with the server at once, so that it never runs out of questions.
constexpr size_t kAhead = 1000;

/// One run of the command: asks on this thread, and shows the answers on another, in their order, each when it is there.
class Lookup {
 public:
  Lookup(const std::vector<std::string>& ids, Session& session) : ids_(ids), session_(session) {}

  int Run() {
    for (const std::string& id : ids_) {
      if (id == kStandardInput && ids_.size() > 1) {
        return session_.FailUsage(absl::InvalidArgumentError("- is for ids from standard input, and goes without others"));
      }
    }
    const std::optional<userclient::UserClient> client = session_.Connect();
    if (!client) return kWrongUsage;
    const UserLookup lookup = client->LookupUsers(session_.call_options());
    absl::Status input;
    {
      const ReaderWatch reader([this] { BreakOff(); });
      const std::jthread shows([this] { ShowAll(); });
      input = AskAll(lookup);
      Push(std::nullopt);
    }
    if (broken_off_) lookup.Cancel();
    // What has failed has been told.
    (void)lookup.Finish();
    session_.TellReport();
    if (!input.ok() && exit_status_ == kSuccess) {
      return absl::IsCancelled(input) ? session_.Fail("lookup", input) : session_.FailUsage(input);
    }
    return exit_status_;
  }

 private:
  struct Question {
    std::string id;
    /// Absent: the id cannot be sent.
    std::optional<PendingCall<LookupUsersResponse>> answer;
  };

  bool from_standard_input() const { return ids_.front() == kStandardInput; }

  /// *Errors:* why there are fewer ids than there should be.
  absl::Status AskAll(const UserLookup& lookup) {
    if (!from_standard_input()) {
      for (const std::string& id : ids_) {
        if (!Push(Question{id, lookup.Ask(id)})) break;
      }
      return absl::OkStatus();
    }
    // Also when nothing can be shown any more.
    const std::stop_callback on_cancel(session_.stop(), [this] { input_over_.request_stop(); });
    InputFile input(kStandardInput, input_over_.get_token());
    std::string line;
    while (std::getline(input.stream(), line) && !input_over_.stop_requested()) {
      const std::string id(absl::StripAsciiWhitespace(line));
      if (!id.empty() && !Push(QuestionFor(id, lookup))) break;
    }
    if (session_.stop().stop_requested()) return absl::CancelledError("cancelled while ids were read");
    if (input.error() == 0) return absl::OkStatus();
    return absl::UnknownError(absl::StrCat("standard input: ", std::generic_category().message(input.error())));
  }

  static Question QuestionFor(const std::string& id, const UserLookup& lookup) {
    if (!IsUtf8(id)) return {id, std::nullopt};
    return {id, lookup.Ask(id)};
  }

  static absl::StatusOr<LookupUsersResponse> AnswerTo(Question question) {
    if (!question.answer) return absl::InvalidArgumentError("the id is not UTF-8; nothing was sent");
    return std::move(*question.answer).Get();
  }

  /// nullopt: there are no more. Blocks while too many are waiting to be shown. False: nobody shows them any more.
  bool Push(std::optional<Question> question) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return asked_.size() < kAhead || broken_off_; });
    asked_.push_back(std::move(question));
    changed_.notify_all();
    return !broken_off_;
  }

  void ShowAll() {
    while (std::optional<Question> question = Pop()) {
      const std::string id = question->id;
      const absl::StatusOr<LookupUsersResponse> answer = AnswerTo(*std::move(question));
      if (answer.ok()) {
        Show(*answer);
      } else {
        NoteFailure(session_.Fail(NameOf(id), answer.status()));
      }
      // A wrong id is a matter of its own; whatever else fails, fails for all that follow.
      const bool goes_on = answer.ok() || absl::IsInvalidArgument(answer.status());
      if (goes_on && session_.output().open()) continue;
      return BreakOff();
    }
  }

  void BreakOff() {
    {
      const std::lock_guard lock(mutex_);
      broken_off_ = true;
      changed_.notify_all();
    }
    input_over_.request_stop();
  }

  std::optional<Question> Pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !asked_.empty(); });
    std::optional<Question> question = std::move(asked_.front());
    asked_.pop_front();
    changed_.notify_all();
    return question;
  }

  void Show(const LookupUsersResponse& answer) {
    if (!answer.has_user()) return ShowMissing(std::string(answer.user_id()));
    const UserView user(answer.user());
    if (session_.json()) return session_.output().Line(JsonLine(ToJson(user)));
    if (ids_.size() == 1 && !from_standard_input()) return session_.output().Line(ToText(user));
    if (!std::exchange(has_header_, true)) session_.output().Line(TableHeader(/*with_status=*/true));
    session_.output().Line(ToTableRow(user));
  }

  void ShowMissing(const std::string& id) {
    const absl::Status missing = absl::NotFoundError("no user has this id");
    NoteFailure(ExitStatusOf(missing.code()));
    // For a program it is an answer like the others.
    if (session_.json()) return session_.output().Line(JsonLine({{"user_id", id}, {"not_found", true}}));
    session_.Fail(NameOf(id), missing);
  }

  static std::string NameOf(const std::string& id) { return absl::StrCat("lookup ", id.empty() ? "\"\"" : id); }

  void NoteFailure(int exit_status) {
    if (exit_status_ == kSuccess) exit_status_ = exit_status;
  }

  const std::vector<std::string>& ids_;
  Session& session_;
  std::stop_source input_over_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<std::optional<Question>> asked_;
  bool broken_off_ = false;

  // Of the thread that shows.
  bool has_header_ = false;
  int exit_status_ = kSuccess;
};

}  // namespace

void AddLookupCommand(CLI::App& app, Command& chosen) {
  const auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App* lookup = app.add_subcommand("lookup", "Show users by their ids, many at once, over one stream");
  lookup->add_option("ID", *ids, "The users; - for ids from standard input, one a line")->required()->check(Text());
  lookup->footer(
      "Users are shown in the order of their ids, as they are found. Ids that nobody has are told and do not stop the others, "
      "and\n"
      "neither do ids that the server finds wrong; the exit status is that of the first. With --json an id that nobody has is\n"
      "{\"user_id\": ID, \"not_found\": true}. --timeout is for all of them together.\n\n"
      "Examples:\n"
      "  userctl --target 127.0.0.1:50051 lookup u-1 u-2 u-3\n"
      "  cut -d, -f1 orders.csv | userctl --target 127.0.0.1:50051 --json lookup - | jq -r .email");
  lookup->callback([ids, &chosen] { chosen = [ids](Session& session) { return Lookup(*ids, session).Run(); }; });
}

}  // namespace userctl
