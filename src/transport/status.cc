#include "transport/status.h"

#include <string>

#include "absl/strings/cord.h"

namespace userclient::internal {

grpc::Status NoMessage() { return {grpc::StatusCode::UNIMPLEMENTED, "No message returned for unary request"}; }

absl::Status ToAbslStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // No server said that.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && status.error_message() == NoMessage().error_message()) {
    return absl::InternalError(
        "the server answered OK, but with bytes that are not the response message of this method, or with none at all");
  }
  absl::Status converted(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  if (std::string details = status.error_details(); !details.empty()) {
    converted.SetPayload(kStatusDetailsPayload, absl::Cord(std::move(details)));
  }
  return converted;
}

}  // namespace userclient::internal
