#pragma once

namespace userclient::internal {

/// Has OpenSSL leave out what it would clean up when the process exits: gRPC's threads may still be in a handshake then, and
/// crash (docs/adr/0015). Without effect once something else in the process has used OpenSSL. *Thread-safe.*
void LeaveOpensslAsItIsAtExit();

}  // namespace userclient::internal
