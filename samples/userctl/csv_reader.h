#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace userctl {

/// Comma-separated values as RFC 4180 has them, strictly: records end with CRLF or LF, a field that holds a comma, a quote or a
/// line break is in quotes, and a quote in it is doubled. A byte order mark at the beginning is skipped, and so are empty lines.
class CsvReader {
 public:
  struct Record {
    /// Where it begins, from 1.
    int64_t line = 0;
    std::vector<std::string> fields{};
  };

  /// `stream` must outlive it.
  explicit CsvReader(std::istream& stream) : stream_(stream) {}

  /// nullopt at the end. *Errors:* INVALID_ARGUMENT that begins with the line ("line 3: ..."), after which there is nothing to be
  /// read.
  absl::StatusOr<std::optional<Record>> Next();

 private:
  static constexpr int kEnd = std::char_traits<char>::eof();

  void SkipByteOrderMark();
  absl::StatusOr<std::string> Field();
  absl::StatusOr<std::string> QuotedField();
  /// What ends a field, taken from the stream, has ended the record too.
  bool AtEndOfRecord() const { return separator_ != ','; }
  /// Takes CRLF, LF, a comma or the end. *Errors:* if something else comes.
  absl::Status TakeSeparator();
  absl::Status Wrong(int64_t line, const std::string& what) const;

  std::istream& stream_;
  int64_t line_ = 1;
  bool begun_ = false;
  int separator_ = 0;
};

}  // namespace userctl
