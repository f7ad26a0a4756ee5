#include "userclient/error_details.h"

#include "absl/strings/cord.h"
#include "transport/status.h"
#include "userclient/v1/error_details.pb.h"

namespace userclient {
namespace {

/// Unpacks a detail if it is a google.rpc.<name>. A type URL counts from its last slash on.
template <class Message>
std::optional<Message> Unpack(const google::protobuf::Any& detail, std::string_view name) {
  const std::string& url = detail.type_url();
  const std::string wanted = std::string("/google.rpc.") + std::string(name);
  Message message;
  if (!std::string_view(url).ends_with(wanted) || !message.ParseFromString(std::string(detail.value()))) return std::nullopt;
  return message;
}

bool AddKnown(const google::protobuf::Any& detail, ErrorDetails& details) {
  if (auto bad_request = Unpack<v1::BadRequest>(detail, "BadRequest")) {
    for (const auto& violation : bad_request->field_violations()) {
      details.field_violations.push_back({violation.field(), violation.description()});
    }
    return true;
  }
  if (auto precondition = Unpack<v1::PreconditionFailure>(detail, "PreconditionFailure")) {
    for (const auto& violation : precondition->violations()) {
      details.precondition_violations.push_back({violation.type(), violation.subject(), violation.description()});
    }
    return true;
  }
  // Of the rest a status should hold one each; a second one is kept among the others.
  if (auto info = Unpack<v1::ErrorInfo>(detail, "ErrorInfo"); info && !details.error_info) {
    details.error_info = {info->reason(), info->domain(), {info->metadata().begin(), info->metadata().end()}};
    return true;
  }
  if (auto resource = Unpack<v1::ResourceInfo>(detail, "ResourceInfo"); resource && !details.resource_info) {
    details.resource_info = {resource->resource_type(), resource->resource_name(), resource->owner(), resource->description()};
    return true;
  }
  if (auto retry = Unpack<v1::RetryInfo>(detail, "RetryInfo"); retry && !details.retry_delay) {
    constexpr int64_t kLongestSeconds = 9'000'000'000;  // What nanoseconds in 64 bits can hold.
    constexpr int32_t kMostNanos = 999'999'999;
    const auto& delay = retry->retry_delay();
    if (delay.seconds() < 0 || delay.seconds() > kLongestSeconds || delay.nanos() < 0 || delay.nanos() > kMostNanos) return false;
    details.retry_delay = std::chrono::seconds(delay.seconds()) + std::chrono::nanoseconds(delay.nanos());
    return true;
  }
  if (auto request = Unpack<v1::RequestInfo>(detail, "RequestInfo"); request && details.request_id.empty()) {
    details.request_id = request->request_id();
    return true;
  }
  return false;
}

}  // namespace

ErrorDetails ErrorDetailsOf(const absl::Status& status) {
  ErrorDetails details;
  const auto payload = status.GetPayload(internal::kStatusDetailsPayload);
  if (!payload) return details;
  details.raw = std::string(*payload);
  v1::RpcStatus rpc_status;
  if (!rpc_status.ParseFromString(details.raw)) return details;
  for (const google::protobuf::Any& detail : rpc_status.details()) {
    if (!AddKnown(detail, details)) details.other.push_back({std::string(detail.type_url()), std::string(detail.value())});
  }
  return details;
}

}  // namespace userclient
