#include "userclient/error_details.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/cord.h"
#include "userclient/v1/error_details.pb.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;

absl::Status StatusWith(const std::string& details) {
  absl::Status status = absl::InternalError("sick");
  status.SetPayload("type.googleapis.com/google.rpc.Status", absl::Cord(details));
  return status;
}

template <class Message>
void Add(v1::RpcStatus& status, const std::string& name, const Message& message) {
  google::protobuf::Any& any = *status.add_details();
  any.set_type_url("type.googleapis.com/google.rpc." + name);
  any.set_value(message.SerializeAsString());
}

TEST(ErrorDetailsTest, AreEmptyWhenTheServerSentNone) {
  const ErrorDetails details = ErrorDetailsOf(absl::InternalError("sick"));

  EXPECT_TRUE(details.raw.empty());
  EXPECT_TRUE(details.field_violations.empty());
}

TEST(ErrorDetailsTest, ReadEveryKnownType) {
  v1::RpcStatus sent;
  v1::BadRequest bad_request;
  bad_request.add_field_violations()->set_field("email");
  Add(sent, "BadRequest", bad_request);
  v1::PreconditionFailure precondition;
  precondition.add_violations()->set_subject("terms");
  Add(sent, "PreconditionFailure", precondition);
  v1::ErrorInfo info;
  info.set_reason("QUOTA");
  (*info.mutable_metadata())["zone"] = "b";
  Add(sent, "ErrorInfo", info);
  v1::ResourceInfo resource;
  resource.set_resource_name("u-1");
  Add(sent, "ResourceInfo", resource);
  v1::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(2);
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  Add(sent, "RetryInfo", retry);
  v1::RequestInfo request;
  request.set_request_id("r-9");
  Add(sent, "RequestInfo", request);

  const ErrorDetails details = ErrorDetailsOf(StatusWith(sent.SerializeAsString()));

  ASSERT_EQ(details.field_violations.size(), 1u);
  EXPECT_EQ(details.field_violations[0].field, "email");
  ASSERT_EQ(details.precondition_violations.size(), 1u);
  EXPECT_EQ(details.precondition_violations[0].subject, "terms");
  EXPECT_EQ(details.error_info->reason, "QUOTA");
  EXPECT_EQ(details.error_info->metadata.at("zone"), "b");
  EXPECT_EQ(details.resource_info->resource_name, "u-1");
  EXPECT_EQ(details.retry_delay, 2500ms);
  EXPECT_EQ(details.request_id, "r-9");
  EXPECT_TRUE(details.other.empty());
}

TEST(ErrorDetailsTest, KeepWhatTheyDoNotKnow) {
  v1::RpcStatus sent;
  Add(sent, "Help", v1::RequestInfo());

  const ErrorDetails details = ErrorDetailsOf(StatusWith(sent.SerializeAsString()));

  ASSERT_EQ(details.other.size(), 1u);
  EXPECT_EQ(details.other[0].type_url, "type.googleapis.com/google.rpc.Help");
}

TEST(ErrorDetailsTest, KeepASecondOneOfAKind) {
  v1::RpcStatus sent;
  v1::ErrorInfo info;
  info.set_reason("FIRST");
  Add(sent, "ErrorInfo", info);
  info.set_reason("SECOND");
  Add(sent, "ErrorInfo", info);

  const ErrorDetails details = ErrorDetailsOf(StatusWith(sent.SerializeAsString()));

  EXPECT_EQ(details.error_info->reason, "FIRST");
  EXPECT_EQ(details.other.size(), 1u);
}

TEST(ErrorDetailsTest, KeepADetailWhoseBytesAreWrong) {
  v1::RpcStatus sent;
  google::protobuf::Any& any = *sent.add_details();
  any.set_type_url("type.googleapis.com/google.rpc.BadRequest");
  any.set_value("\xff\xff\xff");

  const ErrorDetails details = ErrorDetailsOf(StatusWith(sent.SerializeAsString()));

  ASSERT_EQ(details.other.size(), 1u);
  EXPECT_EQ(details.other[0].value, "\xff\xff\xff");
}

TEST(ErrorDetailsTest, KeepTheBytesOfATrailerThatCannotBeRead) {
  const ErrorDetails details = ErrorDetailsOf(StatusWith("\xff no proto"));

  EXPECT_EQ(details.raw, "\xff no proto");
  EXPECT_TRUE(details.other.empty());
}

TEST(ErrorDetailsTest, KeepADelayThatNoClockCanHold) {
  v1::RpcStatus sent;
  v1::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(INT64_MAX);
  Add(sent, "RetryInfo", retry);

  const ErrorDetails details = ErrorDetailsOf(StatusWith(sent.SerializeAsString()));

  EXPECT_FALSE(details.retry_delay.has_value());
  EXPECT_EQ(details.other.size(), 1u);
}

}  // namespace
}  // namespace userclient
