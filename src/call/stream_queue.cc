#include "userclient/internal/stream_queue.h"

#include "call/stream_pump.h"

namespace userclient::internal {

void StreamQueue::Open() {
  std::call_once(begun_, [this] {
    pump_ = std::make_shared<StreamPump>();
    thread_ = std::thread([pump = pump_] { pump->Run(); });
  });
  pump_->Open();
}

void StreamQueue::Close() { pump_->Close(); }

grpc::CompletionQueue* StreamQueue::queue() { return pump_->queue(); }

std::shared_ptr<MessagePump> StreamQueue::pump() { return pump_; }

StreamQueue::~StreamQueue() {
  if (pump_ == nullptr) return;
  pump_->Stop();
  // The last stream may have been the last that held the client.
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

}  // namespace userclient::internal
