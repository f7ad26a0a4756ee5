#pragma once

/// Why no server can be reached: gRPC ends such calls as UNAVAILABLE and often keeps the reason to itself. This looks again, step
/// by step, and says which step fails:
///
///   credentials ─► name ─► TCP ─► TLS: authority, time, name ─► our certificate ─► HTTP/2
///
///   absl::StatusOr<userclient::Diagnosis> diagnosis = userclient::DiagnoseConnection(options.target, *options.credentials, 5s);
///   if (diagnosis.ok()) std::cerr << diagnosis->problem << "; " << diagnosis->advice << "\n";
///
/// For tools and start-up checks: it makes connections of its own, sends no call, and needs no client.

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "userclient/credentials.h"

namespace userclient {

enum class ConnectTrouble {
  /// Everything works, now.
  kNone,
  /// The files of our credentials cannot be used.
  kOwnCredentials,
  /// There is no such name, or it has no address.
  kUnknownName,
  /// The name server cannot be reached, does not answer, or fails.
  kNameServer,
  /// Nothing listens at that port.
  kRefused,
  /// No way there, or nobody answers at all.
  kUnreachable,
  /// It takes connections, and then says nothing.
  kSilent,
  /// We speak TLS, and the server plain text.
  kServerSpeaksNoTls,
  /// We speak plain text, and the server TLS.
  kServerSpeaksTls,
  /// No authority that we trust has signed the server's certificate.
  kUntrustedCertificate,
  /// The server's certificate has expired, or is not valid yet.
  kExpiredCertificate,
  /// The server's certificate is for other names.
  kWrongHostName,
  /// The server wants a certificate of ours, and has got none.
  kClientCertificateMissing,
  /// The server does not take our certificate.
  kClientCertificateRefused,
  /// No version or cipher of TLS that both sides know.
  kTlsVersion,
  /// Something listens, and it is no gRPC server.
  kNoGrpc,
};

/// "untrusted certificate", "client certificate missing", ...
std::string_view ConnectTroubleName(ConnectTrouble trouble);

struct Diagnosis {
  ConnectTrouble trouble = ConnectTrouble::kNone;
  /// Where it was met; empty if no address was tried.
  std::string address{};
  /// What is the matter, in one sentence without its full stop.
  std::string problem{};
  /// What to do about it; empty if nothing is the matter.
  std::string advice{};
};

/// Tries the addresses of a target one after the other, and tells of the first whose server cannot be used, or else of the first
/// at which there is none. *Blocks*, at most for `timeout` (more than 0). *Errors:* INVALID_ARGUMENT for a target that cannot be;
/// UNIMPLEMENTED for one whose addresses only gRPC can find (`xds:`); CANCELLED soon after a stop was requested.
absl::StatusOr<Diagnosis> DiagnoseConnection(std::string_view target, const Credentials& credentials,
                                             std::chrono::nanoseconds timeout = std::chrono::seconds(5),
                                             const std::stop_token& stop = {});

}  // namespace userclient
