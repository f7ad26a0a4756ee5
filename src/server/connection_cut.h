#pragma once

#include <string>

namespace userclient::internal {

/// Ends the TCP connection that this process has accepted from `peer`, as gRPC names it ("ipv4:127.0.0.1:51234"), as if the
/// process had died: no GOAWAY, no trailers. What was sent before arrives, unless the peer has sent something too that gRPC has
/// not yet read: then the kernel may reset the connection. gRPC has no way to do it, so the socket is looked up among the open
/// files. False if it is not there.
bool CutConnectionTo(const std::string& peer);

}  // namespace userclient::internal
