// ErrorDetailsOf: of the trailer `grpc-status-details-bin` nothing is lost, and nothing is made up.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"
#include "transport/status.h"
#include "userclient/error_details.h"
#include "userclient/v1/error_details.pb.h"

namespace userclient::fuzz {
namespace {

absl::Status StatusWith(std::string_view details) {
  return internal::ToAbslStatus(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "no", std::string(details)));
}

bool IsEmpty(const ErrorDetails& details) {
  return details.field_violations.empty() && details.precondition_violations.empty() && !details.error_info &&
         !details.resource_info && !details.retry_delay && details.request_id.empty() && details.other.empty();
}

}  // namespace

void Feed(std::string_view bytes) {
  const absl::Status status = StatusWith(bytes);
  Require(status.code() == absl::StatusCode::kFailedPrecondition && status.message() == "no", "code and message stay");

  const ErrorDetails details = ErrorDetailsOf(status);

  Require(details.raw == bytes, "the trailer is kept as it came");
  v1::RpcStatus sent;
  if (!sent.ParseFromString(std::string(bytes))) return Require(IsEmpty(details), "bytes that are no status have no details");
  const auto is_sent = [&](const OtherDetail& other) {
    return std::any_of(sent.details().begin(), sent.details().end(), [&](const google::protobuf::Any& detail) {
      return other.type_url == std::string(detail.type_url()) && other.value == std::string(detail.value());
    });
  };
  Require(std::all_of(details.other.begin(), details.other.end(), is_sent), "what is not known is kept as it came");
  Require(details.other.size() <= static_cast<size_t>(sent.details_size()), "no detail comes twice");
  if (details.retry_delay) Require(*details.retry_delay >= std::chrono::nanoseconds::zero(), "a delay is not negative");
  if (sent.details_size() > 0 && details.other.size() == static_cast<size_t>(sent.details_size())) {
    Require(details.field_violations.empty() && !details.error_info && !details.retry_delay, "no detail counts twice");
  }
}

}  // namespace userclient::fuzz
