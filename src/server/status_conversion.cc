#include "server/status_conversion.h"

#include "absl/strings/cord.h"
#include "userclient/v1/error_details.pb.h"

namespace userclient::internal {
namespace {

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

}  // namespace

std::string StatusCodeName(absl::StatusCode code) {
  if (code == absl::StatusCode::kOk) return "OK";
  std::string name = absl::StatusCodeToString(code);
  return name.empty() ? std::to_string(static_cast<int>(code)) : name;
}

void AttachViolations(absl::Status& status, const std::vector<std::pair<std::string, std::string>>& violations) {
  v1::BadRequest bad_request;
  for (const auto& [field, description] : violations) {
    v1::BadRequest::FieldViolation& violation = *bad_request.add_field_violations();
    violation.set_field(field);
    violation.set_description(description);
  }
  status.SetPayload(kBadRequestUrl, absl::Cord(bad_request.SerializeAsString()));
}

void AttachReason(absl::Status& status, std::string_view reason) {
  v1::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain("user.v1.UserService");
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  v1::RpcStatus details;
  status.ForEachPayload([&details](absl::string_view type_url, const absl::Cord& payload) {
    google::protobuf::Any& detail = *details.add_details();
    detail.set_type_url(std::string(type_url));
    detail.set_value(std::string(payload));
  });
  const auto code = static_cast<grpc::StatusCode>(status.raw_code());
  std::string message(status.message());
  if (details.details().empty()) return grpc::Status(code, message);
  details.set_code(status.raw_code());
  details.set_message(message);
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace userclient::internal
