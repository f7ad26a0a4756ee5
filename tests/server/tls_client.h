#pragma once

#include <openssl/ssl.h>

#include <string>

namespace userclient::testing {

/// What a bare TLS client, without gRPC, sees of a server on 127.0.0.1.
struct TlsMeeting {
  bool connected = false;
  /// "TLSv1.3"
  std::string version{};
  /// The common name in the server's certificate.
  std::string server{};
};

/// Speaks TLS up to `newest`, and verifies nothing.
TlsMeeting MeetTls(int port, int newest = TLS1_3_VERSION);

}  // namespace userclient::testing
