#include "testing/status_details.h"

#include <google/protobuf/any.pb.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/cord.h"
#include "userclient/error_details.h"
#include "userclient/testing/in_process_user_service.h"
#include "userclient/v1/error_details.pb.h"

namespace userclient {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com/google.rpc.";
/// A serialised google.rpc.Status: where ErrorDetailsOf looks.
constexpr char kStatusPayload[] = "type.googleapis.com/google.rpc.Status";

template <class Message>
void Add(const Message& message, const char* name, v1::RpcStatus& status) {
  google::protobuf::Any& detail = *status.add_details();
  detail.set_type_url(std::string(kTypePrefix) + name);
  detail.set_value(message.SerializeAsString());
}

void AddBadRequest(const ErrorDetails& details, v1::RpcStatus& status) {
  if (details.field_violations.empty()) return;
  v1::BadRequest bad_request;
  for (const FieldViolation& wrong : details.field_violations) {
    v1::BadRequest::FieldViolation& violation = *bad_request.add_field_violations();
    violation.set_field(wrong.field);
    violation.set_description(wrong.description);
  }
  Add(bad_request, "BadRequest", status);
}

void AddPreconditionFailure(const ErrorDetails& details, v1::RpcStatus& status) {
  if (details.precondition_violations.empty()) return;
  v1::PreconditionFailure failure;
  for (const PreconditionViolation& wrong : details.precondition_violations) {
    v1::PreconditionFailure::Violation& violation = *failure.add_violations();
    violation.set_type(wrong.type);
    violation.set_subject(wrong.subject);
    violation.set_description(wrong.description);
  }
  Add(failure, "PreconditionFailure", status);
}

void AddErrorInfo(const ErrorInfo& details, v1::RpcStatus& status) {
  v1::ErrorInfo info;
  info.set_reason(details.reason);
  info.set_domain(details.domain);
  for (const auto& [key, value] : details.metadata) (*info.mutable_metadata())[key] = value;
  Add(info, "ErrorInfo", status);
}

void AddResourceInfo(const ResourceInfo& details, v1::RpcStatus& status) {
  v1::ResourceInfo resource;
  resource.set_resource_type(details.resource_type);
  resource.set_resource_name(details.resource_name);
  resource.set_owner(details.owner);
  resource.set_description(details.description);
  Add(resource, "ResourceInfo", status);
}

void AddRetryInfo(std::chrono::nanoseconds delay, v1::RpcStatus& status) {
  v1::RetryInfo retry;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(delay);
  retry.mutable_retry_delay()->set_seconds(seconds.count());
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>((delay - seconds).count()));
  Add(retry, "RetryInfo", status);
}

void AddRequestInfo(const std::string& request_id, v1::RpcStatus& status) {
  v1::RequestInfo request;
  request.set_request_id(request_id);
  Add(request, "RequestInfo", status);
}

std::string Serialize(const absl::Status& status, const ErrorDetails& details) {
  v1::RpcStatus rpc_status;
  rpc_status.set_code(status.raw_code());
  rpc_status.set_message(std::string(status.message()));
  AddBadRequest(details, rpc_status);
  AddPreconditionFailure(details, rpc_status);
  if (details.error_info) AddErrorInfo(*details.error_info, rpc_status);
  if (details.resource_info) AddResourceInfo(*details.resource_info, rpc_status);
  if (details.retry_delay) AddRetryInfo(*details.retry_delay, rpc_status);
  if (!details.request_id.empty()) AddRequestInfo(details.request_id, rpc_status);
  for (const OtherDetail& other : details.other) {
    google::protobuf::Any& detail = *rpc_status.add_details();
    detail.set_type_url(other.type_url);
    detail.set_value(other.value);
  }
  return rpc_status.SerializeAsString();
}

}  // namespace

namespace internal {

grpc::Status ServerStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.raw_code());
  const std::string message(status.message());
  if (const auto whole = status.GetPayload(kStatusPayload)) return {code, message, std::string(*whole)};
  ErrorDetails details;
  status.ForEachPayload([&details](absl::string_view type_url, const absl::Cord& payload) {
    details.other.push_back({std::string(type_url), std::string(payload)});
  });
  return {code, message, details.other.empty() ? "" : Serialize(status, details)};
}

}  // namespace internal

namespace testing {

absl::Status WithDetails(absl::Status status, const ErrorDetails& details) {
  if (status.ok()) {
    std::fprintf(stderr, "WithDetails: OK has no details; give it the status of an error\n");
    std::abort();
  }
  status.SetPayload(kStatusPayload, absl::Cord(details.raw.empty() ? Serialize(status, details) : details.raw));
  return status;
}

}  // namespace testing
}  // namespace userclient
