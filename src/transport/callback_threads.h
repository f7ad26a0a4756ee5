#pragma once

#include <memory>

namespace userclient::internal {

/// Keeps gRPC's callback threads for as long as it is held, by all who hold one of a process.
///
/// gRPC ends these threads with the last channel that has used them, and waits for them there. A channel may go away together
/// with the last call over it, on such a thread; if that waited for itself, it would go on over a queue that is gone (gRPC 1.51:
/// a crash). So the last to go must be this, and never on such a thread.
///
/// *Thread-safe.*
std::shared_ptr<const void> KeepCallbackThreads();

}  // namespace userclient::internal
