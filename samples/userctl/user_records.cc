#include "user_records.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "csv_reader.h"
#include "printable.h"

namespace userctl {
namespace {

using user::v1::CreateUserRequest;

constexpr size_t kLongestLine = size_t{1} << 20;

absl::Status Wrong(int64_t line, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

/// A field of a user that a file may have, under the name that the proto gives it.
struct Field {
  const char* name;
  void (*set)(CreateUserRequest& request, const std::string& value);
};

constexpr std::array<Field, 3> kFields = {{
    {"email", [](CreateUserRequest& request, const std::string& value) { request.set_email(value); }},
    {"display_name", [](CreateUserRequest& request, const std::string& value) { request.set_display_name(value); }},
    {"idempotency_key", [](CreateUserRequest& request, const std::string& value) { request.set_idempotency_key(value); }},
}};

/// Null if there is none.
const Field* FindField(std::string_view name) {
  const auto found = std::find_if(kFields.begin(), kFields.end(), [&](const Field& field) { return field.name == name; });
  return found == kFields.end() ? nullptr : &*found;
}

absl::Status NoSuchField(int64_t line, std::string_view name) {
  return Wrong(line,
               absl::StrCat("there is no field \"", Printable(name), "\"; a user has: ",
                            absl::StrJoin(kFields, ", ", [](std::string* text, const Field& field) { *text += field.name; })));
}

/// FNV-1a, which is the same everywhere and for ever.
uint64_t Hash(std::string_view text, uint64_t hash = 0xcbf2'9ce4'8422'2325) {
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100'0000'01b3;
  return hash;
}

std::string KeyOf(const UserRecord& record) {
  const std::string email(record.request.email());
  // A NUL between them, so that no two pairs look alike.
  const uint64_t hash = Hash(std::string(record.request.display_name()), Hash(email + '\0'));
  return absl::StrFormat("import-%d-%016x", record.line, hash);
}

void GiveKey(UserRecord& record) {
  if (record.request.idempotency_key().empty()) record.request.set_idempotency_key(KeyOf(record));
}

absl::Status CheckReadable(const std::istream& stream) {
  return stream.bad() ? absl::UnavailableError("cannot be read to its end") : absl::OkStatus();
}

class CsvUsers final : public UserRecordReader {
 public:
  explicit CsvUsers(std::istream& stream) : stream_(stream), csv_(stream) {}

  absl::StatusOr<std::optional<UserRecord>> Next() override {
    if (columns_.empty()) {
      if (absl::Status status = ReadHeader(); !status.ok()) return status;
    }
    absl::StatusOr<std::optional<CsvReader::Record>> record = csv_.Next();
    if (!record.ok()) return record.status();
    if (absl::Status status = CheckReadable(stream_); !status.ok()) return status;
    if (!*record) return std::nullopt;
    return ToUser(**record);
  }

 private:
  absl::Status ReadHeader() {
    absl::StatusOr<std::optional<CsvReader::Record>> header = csv_.Next();
    if (!header.ok()) return header.status();
    if (absl::Status status = CheckReadable(stream_); !status.ok()) return status;
    if (!*header) return Wrong(1, "the header is missing, such as: email,display_name");
    for (const std::string& name : (*header)->fields) {
      const Field* const field = FindField(name);
      if (field == nullptr) return NoSuchField((*header)->line, name);
      if (std::find(columns_.begin(), columns_.end(), field) != columns_.end()) {
        return Wrong((*header)->line, absl::StrCat("two columns are called \"", name, "\""));
      }
      columns_.push_back(field);
    }
    if (std::find(columns_.begin(), columns_.end(), FindField("email")) == columns_.end()) {
      return Wrong((*header)->line, "no column is called \"email\"");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<UserRecord>> ToUser(const CsvReader::Record& record) const {
    if (record.fields.size() != columns_.size()) {
      return Wrong(record.line,
                   absl::StrCat("the number of fields is ", record.fields.size(), ", the header has ", columns_.size()));
    }
    UserRecord user = {.line = record.line};
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!IsUtf8(record.fields[i])) return Wrong(record.line, absl::StrCat(columns_[i]->name, " is not UTF-8"));
      columns_[i]->set(user.request, record.fields[i]);
    }
    GiveKey(user);
    return user;
  }

  std::istream& stream_;
  CsvReader csv_;
  std::vector<const Field*> columns_;
};

class JsonUsers final : public UserRecordReader {
 public:
  explicit JsonUsers(std::istream& stream) : stream_(stream) {}

  absl::StatusOr<std::optional<UserRecord>> Next() override {
    std::string text;
    while (std::getline(stream_, text)) {
      ++line_;
      if (line_ == 1 && text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
      if (text.find_first_not_of(" \t\r") != std::string::npos) return ToUser(text);
    }
    if (absl::Status status = CheckReadable(stream_); !status.ok()) return status;
    return std::nullopt;
  }

 private:
  absl::StatusOr<std::optional<UserRecord>> ToUser(const std::string& text) const {
    if (text.size() > kLongestLine) return Wrong(line_, absl::StrCat("more than ", kLongestLine, " bytes"));
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object())
      return Wrong(line_, "no JSON object, such as: {\"email\": \"ada@example.com\", \"display_name\": \"Ada\"}");
    if (!json.contains("email")) return Wrong(line_, "\"email\" is missing");
    UserRecord user = {.line = line_};
    for (const auto& [name, value] : json.items()) {
      const Field* const field = FindField(name);
      if (field == nullptr) return NoSuchField(line_, name);
      if (!value.is_string()) return Wrong(line_, absl::StrCat("\"", name, "\" must be a string"));
      field->set(user.request, value.get<std::string>());
    }
    GiveKey(user);
    return user;
  }

  std::istream& stream_;
  int64_t line_ = 0;
};

}  // namespace

RecordFormat FormatOf(std::string_view file, std::istream& content) {
  if (file.ends_with(".csv")) return RecordFormat::kCsv;
  for (const char* end : {".json", ".jsonl", ".ndjson"}) {
    if (file.ends_with(end)) return RecordFormat::kJsonLines;
  }
  return content.peek() == '{' ? RecordFormat::kJsonLines : RecordFormat::kCsv;
}

std::unique_ptr<UserRecordReader> MakeUserRecordReader(RecordFormat format, std::istream& stream) {
  if (format == RecordFormat::kCsv) return std::make_unique<CsvUsers>(stream);
  return std::make_unique<JsonUsers>(stream);
}

}  // namespace userctl
