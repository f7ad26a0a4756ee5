#pragma once

#include <grpcpp/completion_queue.h>

#include <memory>
#include <mutex>
#include <thread>

namespace userclient::internal {

/// Something that gRPC was asked for, as its tag.
class StreamStep {
 public:
  /// Called once for each time it was asked for, by the queue's thread.
  virtual void Done(bool ok) = 0;

 protected:
  ~StreamStep() = default;
};

/// The completion queue of the streams that a client reads, and the one thread that empties it.
///
/// gRPC's own callbacks come from several threads that wait on one queue, so that messages which follow each other wake one
/// thread after the other. A single one finds the next message there when it is done with the last.
class StreamQueue {
 public:
  StreamQueue() = default;
  StreamQueue(const StreamQueue&) = delete;
  StreamQueue& operator=(const StreamQueue&) = delete;
  /// Nothing that was asked for is still out. May be called by the queue's own thread.
  ~StreamQueue();

  /// Its tags are StreamSteps. The thread begins with the first use. *Thread-safe.*
  grpc::CompletionQueue* queue();

 private:
  std::once_flag begun_;
  /// The thread's too, which may outlive this.
  std::shared_ptr<grpc::CompletionQueue> queue_;
  std::thread thread_;
};

}  // namespace userclient::internal
