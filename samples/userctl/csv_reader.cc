#include "csv_reader.h"

#include "absl/strings/str_cat.h"

namespace userctl {
namespace {

/// A file without line breaks, or without the second quote, must not fill the memory.
constexpr size_t kLongestField = size_t{1} << 20;

}  // namespace

absl::StatusOr<std::optional<CsvReader::Record>> CsvReader::Next() {
  if (!begun_) SkipByteOrderMark();
  begun_ = true;
  while (stream_.peek() == '\n' || stream_.peek() == '\r') {
    if (absl::Status status = TakeSeparator(); !status.ok()) return status;
  }
  if (stream_.peek() == kEnd) return std::nullopt;

  Record record = {.line = line_};
  do {
    absl::StatusOr<std::string> field = stream_.peek() == '"' ? QuotedField() : Field();
    if (!field.ok()) return field.status();
    record.fields.push_back(*std::move(field));
    if (absl::Status status = TakeSeparator(); !status.ok()) return status;
  } while (!AtEndOfRecord());
  return record;
}

void CsvReader::SkipByteOrderMark() {
  for (const char byte : {'\xef', '\xbb', '\xbf'}) {
    if (stream_.peek() != static_cast<unsigned char>(byte)) return;
    stream_.get();
  }
}

absl::StatusOr<std::string> CsvReader::Field() {
  std::string field;
  while (true) {
    const int next = stream_.peek();
    if (next == kEnd || next == ',' || next == '\r' || next == '\n') return field;
    if (next == '"') return Wrong(line_, "a quote inside a field that is not in quotes; put the field in quotes and double it");
    if (field.size() == kLongestField) return Wrong(line_, absl::StrCat("a field of more than ", kLongestField, " bytes"));
    field.push_back(static_cast<char>(stream_.get()));
  }
}

absl::StatusOr<std::string> CsvReader::QuotedField() {
  const int64_t opened = line_;
  stream_.get();
  std::string field;
  while (true) {
    const int next = stream_.get();
    if (next == kEnd) return Wrong(opened, "the quotes that open here are never closed");
    if (next == '\n') ++line_;
    if (next == '"') {
      if (stream_.peek() != '"') return field;
      stream_.get();
    }
    if (field.size() == kLongestField) {
      return Wrong(opened, absl::StrCat("a field of more than ", kLongestField, " bytes; are the quotes closed?"));
    }
    field.push_back(static_cast<char>(next));
  }
}

absl::Status CsvReader::TakeSeparator() {
  separator_ = stream_.get();
  if (separator_ == '\r') {
    if (stream_.peek() != '\n') return Wrong(line_, "a carriage return without a line feed; put the field in quotes");
    separator_ = stream_.get();
  }
  if (separator_ == '\n') ++line_;
  if (separator_ == ',' || separator_ == '\n' || separator_ == kEnd) return absl::OkStatus();
  return Wrong(line_, "text after the closing quote of a field; double the quotes inside it");
}

absl::Status CsvReader::Wrong(int64_t line, const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

}  // namespace userctl
