#pragma once

#include <grpcpp/security/credentials.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "transport/token_cache.h"
#include "userclient/credentials.h"

namespace userclient::internal {

/// What gRPC needs to carry credentials out. Channels share connections only if they are made with the very same object.
struct TransportCredentials {
  std::shared_ptr<grpc::ChannelCredentials> channel{};
  /// Whose tokens `channel` sends; null without tokens.
  std::shared_ptr<TokenCache> tokens{};
  /// What puts them into calls; null without tokens.
  std::shared_ptr<grpc::CallCredentials> calls{};
  /// To be set as GRPC_ARG_DEFAULT_AUTHORITY: the name that the server's certificate must be for. Absent: that in the target.
  std::optional<std::string> authority{};
  /// Of the PEM files that `channel` was made from.
  std::string fingerprint{};
};

/// Reads and checks the files; a token file too. Begins to fetch the token of a source. *Errors:* INVALID_ARGUMENT,
/// FAILED_PRECONDITION (not in its time), NOT_FOUND, PERMISSION_DENIED: each with the option, the file, and what to do.
absl::StatusOr<TransportCredentials> MakeTransportCredentials(const Credentials& credentials);

/// Whether the PEM files of credentials can be used as they are now. *Errors:* as MakeTransportCredentials.
absl::Status CheckCredentials(const Credentials& credentials);

/// Notices that the PEM files of credentials have changed. One thread at a time.
class CredentialRotation {
 public:
  /// `made` is what MakeTransportCredentials made of the same credentials.
  CredentialRotation(const Credentials& credentials, const TransportCredentials& made);

  /// Whether there are files to look at.
  bool Needed() const;

  /// Reads the files; to be called every few seconds. The credentials for new channels, if the files hold others than the last
  /// time and these are sound; null if not. The tokens stay where they are. *Errors:* what is in the files cannot be used, and so
  /// what was last returned should stay in use. Once for every content, and not before it has been there for two looks: a
  /// certificate and its key are rarely written at the same moment.
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Look(std::chrono::system_clock::time_point now);

 private:
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Refuse(const absl::Status& reason, std::string content);

  const Credentials credentials_;
  const std::shared_ptr<grpc::CallCredentials> calls_;
  std::string in_use_;
  /// What was not sound the last time.
  std::string suspect_;
  bool reported_ = false;
};

}  // namespace userclient::internal
