#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "userclient/v1/fault_service.grpc.pb.h"

namespace demo {

/// A reference server, asked over its fault service for what it has counted.
class Server {
 public:
  /// Reads "NAME,HOST:PORT,HOST:ADMIN_PORT". *Errors:* INVALID_ARGUMENT.
  static absl::StatusOr<Server> Parse(std::string_view text);

  const std::string& name() const { return name_; }
  /// The server as gRPC names a peer.
  const std::string& peer() const { return peer_; }

  /// *Errors:* those of the call; UNAVAILABLE if the server is gone.
  absl::Status ResetCounters() const;
  /// Attempts of GetUser that have arrived since the last reset.
  absl::StatusOr<int64_t> CountAttempts() const;

 private:
  Server(std::string name, std::string peer, const std::string& admin_address);

  std::string name_;
  std::string peer_;
  std::shared_ptr<userclient::v1::FaultService::Stub> faults_;
};

}  // namespace demo
