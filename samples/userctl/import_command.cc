#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commands.h"
#include "exit_status.h"
#include "input_file.h"
#include "json_line.h"
#include "option_checks.h"
#include "printable.h"
#include "progress.h"
#include "user_records.h"
#include "user_view.h"
#include "userclient/user_batch.h"

namespace userctl {
namespace {

using user::v1::CreateUserRequest;
using userclient::BatchItem;
using userclient::BatchPosition;
using userclient::BatchResult;

constexpr char kStandardInput[] = "-";

struct ImportOptions {
  std::string file{};
  std::optional<RecordFormat> format{};
  int chunk = userclient::BatchOptions().chunk_size;
  int64_t from_line = 1;
};

/// The users of a file from a line on, as a range that can be read once. It ends at the end of the file, at the first mistake in
/// it, or when the person has cancelled; status() tells which.
class FileUsers {
 public:
  FileUsers(std::unique_ptr<UserRecordReader> reader, int64_t from_line, std::stop_token stop)
      : reader_(std::move(reader)), from_line_(from_line), stop_(std::move(stop)) {}

  class Iterator {
   public:
    using value_type = CreateUserRequest;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    const CreateUserRequest& operator*() const { return users_->current_->request; }
    Iterator& operator++() {
      users_->Advance();
      return *this;
    }
    void operator++(int) { users_->Advance(); }
    bool operator==(std::default_sentinel_t) const { return !users_->current_; }

   private:
    friend class FileUsers;
    explicit Iterator(FileUsers* users) : users_(users) {}
    FileUsers* users_;
  };

  Iterator begin() {
    Advance();
    return Iterator(this);
  }
  static std::default_sentinel_t end() { return std::default_sentinel; }

  const absl::Status& status() const { return status_; }

  /// The line of the first user that was read and not settled; the line after the last one if all are.
  int64_t next_line() const { return unsettled_.empty() ? last_line_ + 1 : unsettled_.front(); }

  /// That user is settled. Returns its line.
  int64_t Settle() {
    const int64_t line = unsettled_.front();
    unsettled_.pop_front();
    return line;
  }

 private:
  void Advance() {
    do {
      absl::StatusOr<std::optional<UserRecord>> next = reader_->Next();
      // What was read last may be half a line.
      if (stop_.stop_requested()) next = absl::CancelledError("cancelled while the file was read");
      status_ = next.status();
      current_ = next.ok() ? *std::move(next) : std::nullopt;
    } while (current_ && current_->line < from_line_);
    if (!current_) return;
    last_line_ = current_->line;
    unsettled_.push_back(last_line_);
  }

  const std::unique_ptr<UserRecordReader> reader_;
  const int64_t from_line_;
  const std::stop_token stop_;
  std::optional<UserRecord> current_;
  absl::Status status_;
  int64_t last_line_ = 0;
  std::deque<int64_t> unsettled_;
};

/// How many users there are in a file that can be read twice. *Errors:* the first mistake in it.
absl::StatusOr<int64_t> CountUsers(const ImportOptions& options, RecordFormat format, const std::stop_token& stop) {
  InputFile file(options.file, stop);
  FileUsers users(MakeUserRecordReader(format, file.stream()), options.from_line, stop);
  int64_t count = 0;
  for (auto user = users.begin(); user != FileUsers::end(); ++user) {
    users.Settle();
    ++count;
  }
  if (!users.status().ok()) return users.status();
  return count;
}

/// One run of the command.
class Import {
 public:
  Import(const ImportOptions& options, Session& session)
      : options_(options),
        session_(session),
        name_(options.file == kStandardInput ? "standard input" : options.file),
        what_("import " + name_) {}

  int Run() {
    std::error_code ignored;
    if (std::filesystem::is_directory(options_.file, ignored)) return FailFile(absl::InvalidArgumentError("is a directory"));
    InputFile file(options_.file, session_.stop());
    if (file.error() != 0) return FailFile(absl::NotFoundError(std::generic_category().message(file.error())));
    const RecordFormat format = options_.format ? *options_.format : FormatOf(options_.file, file.stream());
    // A mistake in a file is told before anybody is created. What comes through a pipe comes once.
    std::optional<int64_t> total;
    if (std::filesystem::is_regular_file(options_.file, ignored)) {
      const absl::StatusOr<int64_t> count = CountUsers(options_, format, session_.stop());
      if (!count.ok()) return FailFile(count.status());
      total = *count;
    }
    const std::optional<userclient::UserClient> client = session_.Connect();
    if (!client) return kWrongUsage;

    users_.emplace(MakeUserRecordReader(format, file.stream()), options_.from_line, session_.stop());
    progress_.emplace(session_.json() ? StatusLine::Style::kNone : StatusLine::StyleOfStandardError(),
                      "import " + Printable(std::filesystem::path(name_).filename().string()), total);
    const absl::StatusOr<BatchResult> result =
        client->BatchCreateUsers(*users_,
                                 {.chunk_size = options_.chunk,
                                  .on_item = [this](const BatchItem& item) { NoteItem(item); },
                                  .on_progress = [this](const BatchPosition& position) { NoteProgress(position); }},
                                 session_.call_options());
    progress_->Hide();
    session_.TellReport();
    return End(result.status());
  }

 private:
  void NoteItem(const BatchItem& item) {
    const int64_t line = users_->Settle();
    if (item.user.ok()) {
      ++created_;
      if (!session_.json()) return;
      nlohmann::ordered_json json = {{"line", line}};
      json.update(ToJson(UserView(*item.user)));
      return session_.output().Line(JsonLine(json));
    }
    ++failed_;
    const absl::Status& why = item.user.status();
    if (failure_.ok()) failure_ = why;
    const std::string message(why.message());
    if (session_.json()) {
      return session_.output().Line(
          JsonLine({{"line", line},
                    {"idempotency_key", item.idempotency_key},
                    {"error", {{"code", absl::StatusCodeToString(why.code())}, {"message", message}}}}));
    }
    progress_->Tell(absl::StrCat("userctl: ", Printable(name_), ":", line, ": ", absl::StatusCodeToString(why.code()), ": ",
                                 Printable(message)));
  }

  void NoteProgress(const BatchPosition& position) {
    if (session_.options().verbose) progress_->Hide();
    session_.TellReport();
    progress_->Update(position.next, position.failed);
  }

  int End(const absl::Status& status) {
    const bool complete = status.ok() && users_->status().ok();
    Summarise(complete);
    if (!status.ok()) {
      const int exit_status = session_.Fail(what_, status);
      if (!session_.json()) progress_->Tell(HowToGoOn());
      return exit_status;
    }
    if (!users_->status().ok()) return FailFile(users_->status());
    return ExitStatusOf(failure_.code());
  }

  void Summarise(bool complete) {
    if (session_.json()) {
      nlohmann::ordered_json summary = {{"created", created_}, {"failed", failed_}, {"complete", complete}};
      if (!complete) summary["next_line"] = users_->next_line();
      return session_.output().Line(JsonLine({{"summary", std::move(summary)}}));
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    session_.output().Line(absl::StrFormat("created %d, failed %d, of %d users in %.1f s%s", created_, failed_,
                                           created_ + failed_, seconds, complete ? "" : "; not complete"));
  }

  std::string HowToGoOn() const {
    std::string hint = "hint: the same command again goes on, and creates nobody twice";
    if (options_.file == kStandardInput || created_ + failed_ == 0) return hint;
    return absl::StrCat(hint, "; every user before line ", users_->next_line(), " is done: with --from-line ",
                        users_->next_line(), " it begins there");
  }

  int FailFile(const absl::Status& status) {
    if (absl::IsCancelled(status)) return session_.Fail(what_, status);
    return session_.FailUsage(absl::Status(status.code(), absl::StrCat(name_, ": ", std::string(status.message()))));
  }

  const ImportOptions& options_;
  Session& session_;
  const std::string name_;
  const std::string what_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::optional<FileUsers> users_;
  std::optional<Progress> progress_;
  int64_t created_ = 0;
  int64_t failed_ = 0;
  /// Of the first user that was refused.
  absl::Status failure_;
};

}  // namespace

void AddImportCommand(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* command = app.add_subcommand("import", "Create the users of a file, each once, however often it is run");
  command->add_option("FILE", options->file, "CSV with a header, or one JSON object a line; - for standard input")->required();
  command
      ->add_option_function<std::string>(
          "--format",
          [options](const std::string& format) {
            options->format = format == "csv" ? RecordFormat::kCsv : RecordFormat::kJsonLines;
          },
          "Of the file; without it by its name, else by how it begins")
      ->check(CLI::IsMember({"csv", "jsonl"}).description(""))
      ->type_name("csv|jsonl");
  command->add_option("--chunk", options->chunk, "Users sent by one call, which is what is sent again after a failure")
      ->check(WholeNumber(1, 1000))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--from-line", options->from_line, "Skip the users before this line of the file")
      ->check(PositiveNumber())
      ->type_name("N");
  command->footer(
      "A user has an email, and maybe a display_name and an idempotency_key; one without a key gets one of its line and content. "
      "So\n"
      "after Ctrl-C or a failure the same command goes on: who is there already is not created again. Users that the server "
      "refuses\n"
      "are told with their line, and do not stop the others. A mistake in the file itself is told before anybody is created, "
      "unless\n"
      "it comes from standard input. --timeout is for one chunk. The exit status is that of the first user refused.\n\n"
      "Examples:\n"
      "  userctl --target 127.0.0.1:50051 import users.csv\n"
      "  jq -c '.users[]' export.json | userctl --target 127.0.0.1:50051 --json import -");
  command->callback([options, &chosen] { chosen = [options](Session& session) { return Import(*options, session).Run(); }; });
}

}  // namespace userctl
