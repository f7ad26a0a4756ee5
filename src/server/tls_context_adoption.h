#pragma once

#include <memory>

#include "server/server_identity.h"

namespace userclient::internal {

/// Makes the TLS contexts ours that gRPC creates on this thread, from its beginning to its end: they speak TLS 1.3 and nothing
/// older, resume no sessions (which would outlive a change of the authorities), and take certificate, key and authorities for
/// each handshake from `identity`.
///
/// gRPC's own options offer none of this in 1.51: no least version in C++, and its file watcher installs a new certificate with
/// the old key when it looks between the two being written. A server's context is created while it is built; see `adopted()`.
class TlsContextAdoption {
 public:
  explicit TlsContextAdoption(std::shared_ptr<const ServerIdentity> identity);
  ~TlsContextAdoption();
  TlsContextAdoption(const TlsContextAdoption&) = delete;
  TlsContextAdoption& operator=(const TlsContextAdoption&) = delete;

  /// How many contexts there were. None: gRPC has not created one here, or with a TLS library of its own, and the server must not
  /// be used.
  int adopted() const { return adopted_; }

 private:
  class Hook;

  const std::shared_ptr<const ServerIdentity> identity_;
  TlsContextAdoption* const outer_;
  int adopted_ = 0;
};

}  // namespace userclient::internal
