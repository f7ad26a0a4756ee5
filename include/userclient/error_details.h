#pragma once

/// What a server said about an error beyond its code and message: the messages of google/rpc/error_details.proto.
///
///   userclient::ErrorDetails details = userclient::ErrorDetailsOf(user.status());
///   for (const userclient::FieldViolation& wrong : details.field_violations) std::cerr << wrong.field << ": " <<
///   wrong.description;

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace userclient {

/// google.rpc.BadRequest.FieldViolation
struct FieldViolation {
  std::string field{};
  std::string description{};
};

/// google.rpc.ErrorInfo
struct ErrorInfo {
  std::string reason{};
  std::string domain{};
  std::map<std::string, std::string> metadata{};
};

/// google.rpc.PreconditionFailure.Violation
struct PreconditionViolation {
  std::string type{};
  std::string subject{};
  std::string description{};
};

/// google.rpc.ResourceInfo
struct ResourceInfo {
  std::string resource_type{};
  std::string resource_name{};
  std::string owner{};
  std::string description{};
};

/// A detail of a type that this library does not know, or whose bytes are not what its type says.
struct OtherDetail {
  /// For example "type.googleapis.com/google.rpc.Help".
  std::string type_url{};
  std::string value{};
};

struct ErrorDetails {
  std::vector<FieldViolation> field_violations{};
  std::vector<PreconditionViolation> precondition_violations{};
  std::optional<ErrorInfo> error_info{};
  std::optional<ResourceInfo> resource_info{};
  /// google.rpc.RetryInfo: advice for people and schedulers. The retry loop obeys `grpc-retry-pushback-ms` alone (gRFC A6).
  std::optional<std::chrono::nanoseconds> retry_delay{};
  /// google.rpc.RequestInfo
  std::string request_id{};
  /// Everything else, so that nothing is lost.
  std::vector<OtherDetail> other{};
  /// The whole trailer `grpc-status-details-bin` as it came; a serialised google.rpc.Status. Empty if there was none.
  std::string raw{};
};

/// The details of a failed call. Empty if the server sent none; only `raw` is set if what it sent cannot be read.
ErrorDetails ErrorDetailsOf(const absl::Status& status);

}  // namespace userclient
