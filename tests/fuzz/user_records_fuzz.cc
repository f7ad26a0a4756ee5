// The readers of `userctl import`: what they read can be written and read again; what they refuse has its line.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "samples/userctl/user_records.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/text_promises.h"

namespace userclient::fuzz {
namespace {

using userctl::RecordFormat;
using userctl::UserRecord;

struct Content {
  std::vector<UserRecord> records{};
  absl::Status status{};
};

Content ReadAll(RecordFormat format, const std::string& text) {
  std::istringstream stream(text);
  const std::unique_ptr<userctl::UserRecordReader> reader = userctl::MakeUserRecordReader(format, stream);
  Content content;
  while (true) {
    absl::StatusOr<std::optional<UserRecord>> record = reader->Next();
    if (!record.ok()) {
      content.status = record.status();
      return content;
    }
    if (!*record) return content;
    content.records.push_back(**std::move(record));
  }
}

void RequireLineInText(std::string_view message, const std::string& text) {
  constexpr std::string_view kLine = "line ";
  Require(message.starts_with(kLine), "an error begins with its line", message);
  int64_t line = 0;
  const auto [end, error] = std::from_chars(message.data() + kLine.size(), message.data() + message.size(), line);
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  Require(error == std::errc() && line >= 1 && line <= lines, "the line of an error is in the file", message);
}

std::string InQuotes(std::string_view field) {
  std::string quoted = "\"";
  for (const char byte : field) quoted.append(byte == '"' ? 2 : 1, byte);
  return quoted + "\"";
}

std::string AsCsv(const std::vector<UserRecord>& records) {
  std::string text = "email,display_name,idempotency_key\r\n";
  for (const UserRecord& record : records) {
    text += InQuotes(std::string(record.request.email())) + "," + InQuotes(std::string(record.request.display_name())) + "," +
            InQuotes(std::string(record.request.idempotency_key())) + "\r\n";
  }
  return text;
}

std::string AsJsonLines(const std::vector<UserRecord>& records) {
  std::string text;
  for (const UserRecord& record : records) {
    const nlohmann::json json = {{"email", std::string(record.request.email())},
                                 {"display_name", std::string(record.request.display_name())},
                                 {"idempotency_key", std::string(record.request.idempotency_key())}};
    text += json.dump() + "\n";
  }
  return text;
}

void RequireSame(const std::vector<UserRecord>& records, const Content& again) {
  Require(again.status.ok(), "what was read can be written and read again", again.status.ToString());
  Require(again.records.size() == records.size(), "no record is lost, none made up");
  for (size_t i = 0; i < records.size(); ++i) {
    Require(again.records[i].request.SerializeAsString() == records[i].request.SerializeAsString(),
            "a record comes back the same", records[i].request.ShortDebugString());
  }
}

void FeedReader(RecordFormat format, const std::string& text) {
  const Content content = ReadAll(format, text);
  if (!content.status.ok()) {
    Require(content.status.code() == absl::StatusCode::kInvalidArgument, "a file is refused as INVALID_ARGUMENT",
            content.status.ToString());
    const std::string message(content.status.message());
    RequireReadable(message);
    RequireLineInText(message, text);
  }
  int64_t line = 0;
  for (const UserRecord& record : content.records) {
    Require(record.line > line, "records come in the order of their lines");
    line = record.line;
    Require(!record.request.idempotency_key().empty(), "a record has a key");
  }
  RequireSame(content.records, ReadAll(RecordFormat::kCsv, AsCsv(content.records)));
  RequireSame(content.records, ReadAll(RecordFormat::kJsonLines, AsJsonLines(content.records)));
}

}  // namespace

void Feed(std::string_view bytes) {
  const std::string text(bytes);
  FeedReader(RecordFormat::kCsv, text);
  FeedReader(RecordFormat::kJsonLines, text);
}

}  // namespace userclient::fuzz
