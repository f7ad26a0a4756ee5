#pragma once

namespace userclient::internal {

/// c-ares, with which gRPC and this library look names up, writes to name servers over TCP without MSG_NOSIGNAL: one that resets
/// the connection at the wrong moment would end the process by SIGPIPE. So this signal is ignored from the first client or lookup
/// of the process on, unless the application has decided about it: a handler of its own stays. *Thread-safe.*
void IgnoreBrokenPipes();

}  // namespace userclient::internal
