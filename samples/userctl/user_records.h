#pragma once

#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"

namespace userctl {

/// A user to be created, as it stands in a file.
struct UserRecord {
  /// Where it begins, from 1.
  int64_t line = 0;
  /// Always with an idempotency_key: its own, else one of its line and its content. So the same file gives the same keys, also
  /// when it is read again, or under another name, or goes on at the end; and a line that was mended gets another.
  user::v1::CreateUserRequest request{};
};

/// Reads users one after the other.
class UserRecordReader {
 public:
  virtual ~UserRecordReader() = default;

  /// nullopt at the end. *Errors:* INVALID_ARGUMENT that begins with the line ("line 3: ..."), after which there is nothing to be
  /// read.
  virtual absl::StatusOr<std::optional<UserRecord>> Next() = 0;
};

enum class RecordFormat {
  /// With a header that names the columns: email, and maybe display_name and idempotency_key.
  kCsv,
  /// One JSON object a line, with the same keys.
  kJsonLines,
};

/// By the end of the file's name (.csv, .json, .jsonl, .ndjson), else by how its content begins.
RecordFormat FormatOf(std::string_view file, std::istream& content);

/// `stream` must outlive it.
std::unique_ptr<UserRecordReader> MakeUserRecordReader(RecordFormat format, std::istream& stream);

}  // namespace userctl
