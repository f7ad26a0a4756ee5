// What docs/versions.md promises of the wire: what was sent once keeps its number and its type. New fields come to the end.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "user/v1/user_service.pb.h"

namespace userclient {
namespace {

using ::testing::Contains;

constexpr std::array kOnTheWire = {
    "UserStatus.USER_STATUS_UNSPECIFIED = 0",
    "UserStatus.USER_STATUS_ACTIVE = 1",
    "UserStatus.USER_STATUS_SUSPENDED = 2",
    "UserStatus.USER_STATUS_DELETED = 3",
    "UserChangeKind.USER_CHANGE_KIND_UNSPECIFIED = 0",
    "UserChangeKind.USER_CHANGE_KIND_CREATED = 1",
    "UserChangeKind.USER_CHANGE_KIND_UPDATED = 2",
    "UserChangeKind.USER_CHANGE_KIND_DELETED = 3",
    "User.user_id = 1: string",
    "User.email = 2: string",
    "User.display_name = 3: string",
    "User.created_at_unix = 4: int64",
    "User.status = 5: UserStatus",
    "GetUserRequest.user_id = 1: string",
    "GetUserResponse.user_id = 1: string",
    "GetUserResponse.email = 2: string",
    "GetUserResponse.display_name = 3: string",
    "GetUserResponse.created_at_unix = 4: int64",
    "StreamActivityRequest.user_id = 1: string",
    "StreamActivityRequest.limit = 2: int32",
    "StreamActivityRequest.after_event_id = 3: string",
    "ActivityEvent.event_id = 1: string",
    "ActivityEvent.action = 2: string",
    "ActivityEvent.resource = 3: string",
    "ActivityEvent.timestamp_unix = 4: int64",
    "ListUsersRequest.page_size = 1: int32",
    "ListUsersRequest.page_token = 2: string",
    "ListUsersResponse.users = 1: repeated User",
    "ListUsersResponse.next_page_token = 2: string",
    "ListUsersResponse.total_count = 3: int64",
    "CreateUserRequest.email = 1: string",
    "CreateUserRequest.display_name = 2: string",
    "CreateUserRequest.idempotency_key = 3: string",
    "CreateUserResponse.user = 1: User",
    "BatchCreateUsersResponse.users = 1: repeated User",
    "BatchCreateUsersResponse.failures = 2: repeated BatchCreateFailure",
    "BatchCreateFailure.index = 1: int64",
    "BatchCreateFailure.idempotency_key = 2: string",
    "BatchCreateFailure.code = 3: int32",
    "BatchCreateFailure.message = 4: string",
    "WatchUsersRequest.resume_token = 1: string",
    "WatchUsersResponse.user = 1: User",
    "WatchUsersResponse.kind = 2: UserChangeKind",
    "WatchUsersResponse.resume_token = 3: string",
    "LookupUsersRequest.user_id = 1: string",
    "LookupUsersResponse.user_id = 1: string",
    "LookupUsersResponse.user = 2: User",
    "LookupUsersResponse.not_found = 3: bool",
};

std::string TypeOf(const google::protobuf::FieldDescriptor& field) {
  const std::string repeated = field.is_repeated() ? "repeated " : "";
  if (field.message_type() != nullptr) return repeated + std::string(field.message_type()->name());
  if (field.enum_type() != nullptr) return repeated + std::string(field.enum_type()->name());
  return repeated + std::string(field.type_name());
}

/// As kOnTheWire writes them.
std::vector<std::string> FieldsOf(const google::protobuf::FileDescriptor& proto) {
  std::vector<std::string> fields;
  const auto add = [&](const auto& of, const auto& element, const std::string& type) {
    fields.push_back(std::string(of.name()) + "." + std::string(element.name()) + " = " + std::to_string(element.number()) +
                     type);
  };
  for (int i = 0; i < proto.enum_type_count(); ++i) {
    const google::protobuf::EnumDescriptor& of = *proto.enum_type(i);
    for (int value = 0; value < of.value_count(); ++value) add(of, *of.value(value), "");
  }
  for (int i = 0; i < proto.message_type_count(); ++i) {
    const google::protobuf::Descriptor& of = *proto.message_type(i);
    for (int field = 0; field < of.field_count(); ++field) add(of, *of.field(field), ": " + TypeOf(*of.field(field)));
  }
  return fields;
}

TEST(WireTest, KeepsTheNumbersAndTypesOfAllFields) {
  const std::vector<std::string> fields = FieldsOf(*user::v1::User::descriptor()->file());

  for (const char* field : kOnTheWire) EXPECT_THAT(fields, Contains(field));
}

}  // namespace
}  // namespace userclient
