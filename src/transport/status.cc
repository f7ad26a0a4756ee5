#include "transport/status.h"

#include <string>

#include "absl/strings/cord.h"

namespace userclient::internal {

absl::Status ToAbslStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // What the generated stub makes of an answer whose bytes are no such message, or of an OK without one. No server said that.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED &&
      status.error_message() == "No message returned for unary request") {
    return absl::InternalError("the server answered OK, but with bytes that are not the response message of this method");
  }
  absl::Status converted(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  if (std::string details = status.error_details(); !details.empty()) {
    converted.SetPayload(kStatusDetailsPayload, absl::Cord(std::move(details)));
  }
  return converted;
}

}  // namespace userclient::internal
