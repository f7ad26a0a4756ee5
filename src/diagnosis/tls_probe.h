#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "diagnosis/probe_connection.h"
#include "tls/openssl_ptr.h"
#include "transport/credential_files.h"

namespace userclient::internal {

/// What a TLS handshake with a server has shown.
struct TlsFindings {
  enum class Handshake {
    kDone,
    /// The server has ended it, and said why: `refusal`.
    kRefused,
    /// The server has closed the connection.
    kClosed,
    /// What the server said is no TLS, or none that we can speak: `refusal`.
    kNotUnderstood,
    kSilence,
  };

  Handshake handshake = Handshake::kSilence;
  /// OpenSSL's words.
  std::string refusal{};
  /// The number of the alert that the server has sent (RFC 8446, section 6); 0 for none.
  int alert = 0;
  /// Null if it did not come to that.
  OpensslPtr<X509> server_certificate{};
  /// What OpenSSL finds wrong with it, as X509_V_ERR_...; X509_V_OK for nothing.
  int verification = 0;
  /// Whether it is for the name that was asked for.
  bool right_name = false;
  /// Whether the server wanted a certificate of ours.
  bool asked_for_certificate = false;
  /// The protocol that both agreed on: "h2".
  std::string protocol{};
  /// After the handshake. A server that does not take our certificate says so here, by an alert or by closing the connection.
  Greeting greeting = Greeting::kNothing;
};

/// Shakes hands as gRPC would, except that it does not stop where it finds something wrong. *Blocks* until the deadline of the
/// connection at most. *Errors:* INTERNAL if OpenSSL cannot begin.
absl::StatusOr<TlsFindings> ProbeTls(ProbeConnection& connection, const CredentialFiles& files, const std::string& host);

}  // namespace userclient::internal
