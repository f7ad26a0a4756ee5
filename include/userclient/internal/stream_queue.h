#pragma once

#include <grpcpp/completion_queue.h>

#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "userclient/internal/message_pump.h"

namespace userclient::internal {

class StreamPump;

/// Something that gRPC was asked for, as its tag.
class StreamStep {
 public:
  /// Called once for each time it was asked for, by the thread that works the queue.
  virtual void Done(bool ok) = 0;

 protected:
  ~StreamStep() = default;
};

/// The completion queue of the streams that a client reads. It has one thread, which works it unless somebody waits for the
/// messages of the only stream that is open: he does it himself then.
///
/// gRPC's own callbacks come from several threads that wait on one queue, so that messages which follow each other wake one
/// thread after the other. A single one finds the next message there when it is done with the last.
class StreamQueue {
 public:
  StreamQueue() = default;
  StreamQueue(const StreamQueue&) = delete;
  StreamQueue& operator=(const StreamQueue&) = delete;
  /// Nothing that was asked for is still out. May be called by the thread that works the queue.
  ~StreamQueue();

  /// A stream begins to use the queue, or is done with it. *Thread-safe.* *Errors:* RESOURCE_EXHAUSTED if the system gives no
  /// thread; then it has not begun, and the next one tries again.
  absl::Status Open();
  void Close();

  /// Of streams that are open. Its tags are StreamSteps. *Thread-safe.*
  grpc::CompletionQueue* queue();
  std::shared_ptr<MessagePump> pump();

 private:
  /// Guards the beginning: from the first stream on, neither is changed.
  std::mutex beginning_;
  /// The thread's too, which may outlive this.
  std::shared_ptr<StreamPump> pump_;
  std::thread thread_;
};

}  // namespace userclient::internal
