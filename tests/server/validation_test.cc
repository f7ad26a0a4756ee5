#include "server/validation.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/page_token.h"
#include "userclient/v1/error_details.pb.h"

namespace userclient::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

using FieldsAndDescriptions = std::vector<std::pair<std::string, std::string>>;

FieldsAndDescriptions Contents(const Violations& violations) {
  FieldsAndDescriptions contents;
  if (violations.empty()) return contents;
  v1::BadRequest details;
  details.ParseFromString(std::string(*violations.ToStatus().GetPayload("type.googleapis.com/google.rpc.BadRequest")));
  for (const auto& violation : details.field_violations()) contents.emplace_back(violation.field(), violation.description());
  return contents;
}

template <typename Request>
FieldsAndDescriptions ViolationsOf(const Request& request) {
  Violations violations;
  Validate(request, violations);
  return Contents(violations);
}

FieldsAndDescriptions ViolationsOfEmail(const std::string& email) {
  user::v1::CreateUserRequest request;
  request.set_email(email);
  return ViolationsOf(request);
}

/// One length-delimited field as it stands on the wire; short contents only.
std::string Field(int number, const std::string& content) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} + content;
}

TEST(ValidationTest, AcceptsWhatTheContractAllows) {
  user::v1::CreateUserRequest create;
  create.set_email("ada.lovelace+test@mail.example.com");
  create.set_display_name("Ada \xc3\x84 Lovelace");
  create.set_idempotency_key(std::string(128, 'k'));
  user::v1::GetUserRequest get;
  get.set_user_id(std::string(128, 'u'));
  user::v1::ListUsersRequest list;
  list.set_page_size(1000);
  list.set_page_token(EncodePageToken({.after = 1, .until = 2}));

  EXPECT_THAT(ViolationsOf(create), IsEmpty());
  EXPECT_THAT(ViolationsOf(get), IsEmpty());
  EXPECT_THAT(ViolationsOf(list), IsEmpty());
}

TEST(ValidationTest, NamesAllWrongFieldsAtOnce) {
  user::v1::CreateUserRequest request;
  request.set_email("no-at-sign");
  request.set_display_name(std::string(201, 'n'));
  request.set_idempotency_key(std::string(129, 'k'));

  EXPECT_THAT(ViolationsOf(request),
              ElementsAre(Pair("email", "must be local@domain"), Pair("display_name", "must be at most 200 characters"),
                          Pair("idempotency_key", "must be at most 128 bytes")));
}

TEST(ValidationTest, MessageOfTheStatusNamesThemToo) {
  Violations violations;
  violations.Add("email", "is required");
  violations.Add("email", "must be local@domain");
  violations.Add("display_name", "is too odd");

  EXPECT_EQ(violations.ToStatus().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(violations.ToStatus().message(), "email: is required; display_name: is too odd");
}

TEST(ValidationTest, CountsCharactersOfANameAndNotItsBytes) {
  user::v1::CreateUserRequest request;
  request.set_email("a@b");
  for (int i = 0; i < 200; ++i) request.mutable_display_name()->append("\xc3\xa4");

  EXPECT_THAT(ViolationsOf(request), IsEmpty());
}

TEST(ValidationTest, UserIdIsRequiredAndBounded) {
  user::v1::GetUserRequest request;
  EXPECT_THAT(ViolationsOf(request), ElementsAre(Pair("user_id", "is required")));

  request.set_user_id(std::string(129, 'u'));
  EXPECT_THAT(ViolationsOf(request), ElementsAre(Pair("user_id", "must be at most 128 bytes")));
}

TEST(ValidationTest, PageSizeAndTokenAreBounded) {
  user::v1::ListUsersRequest request;
  request.set_page_size(1001);
  request.set_page_token("foreign");
  EXPECT_THAT(ViolationsOf(request), ElementsAre(Pair("page_size", "must be from 1 to 1000, or 0 for the server's choice"),
                                                 Pair("page_token", "must be a next_page_token of this service")));

  request.set_page_size(-1);
  EXPECT_THAT(ViolationsOf(request), ElementsAre(Pair("page_size", ::testing::_), Pair("page_token", ::testing::_)));
}

class BadEmailTest : public ::testing::TestWithParam<std::string> {};

TEST_P(BadEmailTest, IsRefused) {
  EXPECT_THAT(ViolationsOfEmail(GetParam()), ElementsAre(Pair("email", "must be local@domain")));
}

INSTANTIATE_TEST_SUITE_P(All, BadEmailTest,
                         ::testing::Values("a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@b\n", "a@-b", "a@b-", "a@b..c",
                                           "a@.b", "a@b.", "a@b_c", std::string("a\0b@c", 5), std::string(65, 'a') + "@b"));

TEST(ValidationTest, EmailIsRequiredAndBounded) {
  EXPECT_THAT(ViolationsOfEmail(""), ElementsAre(Pair("email", "is required")));
  EXPECT_THAT(ViolationsOfEmail("a@" + std::string(253, 'b')), ElementsAre(Pair("email", "must be at most 254 bytes")));
  EXPECT_THAT(ViolationsOfEmail("a@" + std::string(252, 'b')), IsEmpty());
}

TEST(ParseRequestTest, KeepsTheSoundFieldsOfARequestWithABrokenString) {
  user::v1::CreateUserRequest request;
  Violations violations;

  const absl::Status parsed = ParseRequest(Field(1, "a@b\xff") + Field(2, "Ada") + Field(3, "\xc0\x80"), request, violations);

  ASSERT_TRUE(parsed.ok()) << parsed;
  EXPECT_EQ(request.display_name(), "Ada");
  Validate(request, violations);
  EXPECT_THAT(Contents(violations), ::testing::UnorderedElementsAre(Pair("email", "must be valid UTF-8"),
                                                                    Pair("idempotency_key", "must be valid UTF-8")));
}

TEST(ParseRequestTest, BytesThatAreNoMessageAreInternalAsInEveryGrpcServer) {
  user::v1::GetUserRequest request;
  Violations violations;

  const absl::Status parsed = ParseRequest("\x0a\x7f", request, violations);

  EXPECT_EQ(parsed.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(parsed.message(), "the request is no user.v1.GetUserRequest");
}

class BrokenUtf8Test : public ::testing::TestWithParam<std::string> {};

TEST_P(BrokenUtf8Test, IsAViolationOfItsField) {
  user::v1::GetUserRequest request;
  Violations violations;

  const absl::Status parsed = ParseRequest(Field(1, GetParam()), request, violations);

  ASSERT_TRUE(parsed.ok()) << parsed;
  EXPECT_THAT(Contents(violations), ElementsAre(Pair("user_id", "must be valid UTF-8")));
}

INSTANTIATE_TEST_SUITE_P(All, BrokenUtf8Test,
                         ::testing::Values("\x80", "\xc3", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "ok\xe2\x82"));

}  // namespace
}  // namespace userclient::internal
