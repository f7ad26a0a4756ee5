#include "userclient/internal/stream_queue.h"

namespace userclient::internal {

grpc::CompletionQueue* StreamQueue::queue() {
  std::call_once(begun_, [this] {
    queue_ = std::make_shared<grpc::CompletionQueue>();
    thread_ = std::thread([queue = queue_] {
      void* step = nullptr;
      bool ok = false;
      while (queue->Next(&step, &ok)) static_cast<StreamStep*>(step)->Done(ok);
    });
  });
  return queue_.get();
}

StreamQueue::~StreamQueue() {
  if (queue_ == nullptr) return;
  queue_->Shutdown();
  // The last stream may have been the last that held the client.
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

}  // namespace userclient::internal
