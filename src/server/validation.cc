#include "server/validation.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/activity_log.h"
#include "server/page_token.h"
#include "server/resume_token.h"
#include "server/status_conversion.h"

namespace userclient::internal {
namespace {

constexpr size_t kMaxIdBytes = 128;
constexpr size_t kMaxEmailBytes = 254;
constexpr size_t kMaxEmailLocalBytes = 64;
constexpr size_t kMaxDisplayNameCharacters = 200;
constexpr size_t kMaxIdempotencyKeyBytes = 128;
constexpr int kMaxPageSize = 1000;

unsigned char ByteAt(std::string_view text, size_t position) {
  return position < text.size() ? static_cast<unsigned char>(text[position]) : 0;
}

bool IsValidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const unsigned char lead = ByteAt(text, i);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xc2 && lead < 0xe0 ? 2
                          : lead >= 0xe0 && lead < 0xf0 ? 3
                          : lead >= 0xf0 && lead < 0xf5 ? 4
                                                        : 0;
    if (length == 0) return false;
    for (size_t next = 1; next < length; ++next) {
      if ((ByteAt(text, i + next) & 0xc0) != 0x80) return false;
    }
    const unsigned char second = ByteAt(text, i + 1);
    // Overlong forms, surrogates, and what lies above U+10FFFF.
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0) || (lead == 0xf0 && second < 0x90) ||
        (lead == 0xf4 && second >= 0x90)) {
      return false;
    }
    i += length;
  }
  return true;
}

size_t CountCharacters(std::string_view utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool HasSpaceOrControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

bool IsDomain(std::string_view domain) {
  if (domain.empty()) return false;
  while (true) {
    const size_t dot = domain.find('.');
    const std::string_view label = domain.substr(0, dot);
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    const bool legal = std::all_of(label.begin(), label.end(), [](char c) {
      return static_cast<unsigned char>(c) >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             (c >= '0' && c <= '9') || c == '-';
    });
    if (!legal) return false;
    if (dot == std::string_view::npos) return true;
    domain.remove_prefix(dot + 1);
  }
}

bool IsEmail(std::string_view email) {
  const size_t at = email.find('@');
  if (at == std::string_view::npos || at == 0 || at > kMaxEmailLocalBytes) return false;
  return !HasSpaceOrControl(email) && IsDomain(email.substr(at + 1));
}

void ValidateUserId(const std::string& user_id, Violations& violations) {
  if (user_id.empty()) violations.Add("user_id", "is required");
  if (user_id.size() > kMaxIdBytes) violations.Add("user_id", absl::StrCat("must be at most ", kMaxIdBytes, " bytes"));
}

}  // namespace

void Violations::Add(std::string_view field, std::string_view description) {
  const bool known =
      std::any_of(violations_.begin(), violations_.end(), [field](const auto& violation) { return violation.first == field; });
  if (!known) violations_.emplace_back(field, description);
}

absl::Status Violations::ToStatus() const {
  absl::Status status = absl::InvalidArgumentError(absl::StrJoin(violations_, "; ", [](std::string* out, const auto& violation) {
    absl::StrAppend(out, violation.first, ": ", violation.second);
  }));
  AttachViolations(status, violations_);
  return status;
}

absl::Status ParseRequest(std::optional<std::string_view> received, google::protobuf::Message& request, Violations& violations) {
  const google::protobuf::Descriptor& descriptor = *request.GetDescriptor();
  const auto not_a_message = [&descriptor] {
    return absl::InternalError(absl::StrCat("the request is no ", std::string(descriptor.full_name())));
  };
  if (!received) {
    return absl::InternalError(
        absl::StrCat("the call ended before there was a whole request, a ", std::string(descriptor.full_name())));
  }
  const std::string_view bytes = *received;
  if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();

  // Either no message at all, or one with a string that is not UTF-8. Read without a schema, the strings can be told apart.
  google::protobuf::Empty raw;
  if (!raw.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return not_a_message();
  google::protobuf::UnknownFieldSet& fields = *raw.GetReflection()->MutableUnknownFields(&raw);
  for (int i = fields.field_count() - 1; i >= 0; --i) {
    const google::protobuf::UnknownField& field = fields.field(i);
    const google::protobuf::FieldDescriptor* known = descriptor.FindFieldByNumber(field.number());
    if (known == nullptr || known->type() != google::protobuf::FieldDescriptor::TYPE_STRING) continue;
    if (field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED ||
        IsValidUtf8(std::string(field.length_delimited())))
      continue;
    violations.Add(std::string(known->name()), "must be valid UTF-8");
    fields.DeleteSubrange(i, 1);
  }
  if (violations.empty() || !request.ParseFromString(raw.SerializeAsString())) return not_a_message();
  return absl::OkStatus();
}

void Validate(const user::v1::GetUserRequest& request, Violations& violations) { ValidateUserId(request.user_id(), violations); }

void Validate(const user::v1::ListUsersRequest& request, Violations& violations) {
  if (request.page_size() < 0 || request.page_size() > kMaxPageSize) {
    violations.Add("page_size", absl::StrCat("must be from 1 to ", kMaxPageSize, ", or 0 for the server's choice"));
  }
  if (!request.page_token().empty() && !DecodePageToken(request.page_token())) {
    violations.Add("page_token", "must be a next_page_token of this service");
  }
}

void Validate(const user::v1::CreateUserRequest& request, Violations& violations) {
  if (request.email().empty()) violations.Add("email", "is required");
  if (request.email().size() > kMaxEmailBytes)
    violations.Add("email", absl::StrCat("must be at most ", kMaxEmailBytes, " bytes"));
  if (!IsEmail(request.email())) violations.Add("email", "must be local@domain");
  if (CountCharacters(request.display_name()) > kMaxDisplayNameCharacters) {
    violations.Add("display_name", absl::StrCat("must be at most ", kMaxDisplayNameCharacters, " characters"));
  }
  if (HasControl(request.display_name())) violations.Add("display_name", "must not contain control characters");
  if (request.idempotency_key().size() > kMaxIdempotencyKeyBytes) {
    violations.Add("idempotency_key", absl::StrCat("must be at most ", kMaxIdempotencyKeyBytes, " bytes"));
  }
}

void Validate(const user::v1::StreamActivityRequest& request, Violations& violations) {
  ValidateUserId(request.user_id(), violations);
  if (request.limit() < 0) violations.Add("limit", "must not be negative; 0 means all");
  if (!request.after_event_id().empty() && !EventNumberOf(request.after_event_id())) {
    violations.Add("after_event_id", "must be an event_id of this service");
  }
}

void Validate(const user::v1::WatchUsersRequest& request, Violations& violations) {
  if (!request.resume_token().empty() && !DecodeResumeToken(request.resume_token())) {
    violations.Add("resume_token", "must be a resume_token of this service");
  }
}

void Validate(const user::v1::LookupUsersRequest& request, Violations& violations) {
  ValidateUserId(request.user_id(), violations);
}

}  // namespace userclient::internal
