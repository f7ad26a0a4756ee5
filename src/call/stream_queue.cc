#include "userclient/internal/stream_queue.h"

#include <system_error>

#include "absl/strings/str_cat.h"
#include "call/stream_pump.h"

namespace userclient::internal {

absl::Status StreamQueue::Open() {
  {
    const std::lock_guard lock(beginning_);
    if (pump_ == nullptr) pump_ = std::make_shared<StreamPump>();
    try {
      if (!thread_.joinable()) thread_ = std::thread([pump = pump_] { pump->Run(); });
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no thread can be made to read streams with (", error.what(), "); raise the limit of threads"));
    }
  }
  pump_->Open();
  return absl::OkStatus();
}

void StreamQueue::Close() { pump_->Close(); }

grpc::CompletionQueue* StreamQueue::queue() { return pump_->queue(); }

std::shared_ptr<MessagePump> StreamQueue::pump() { return pump_; }

StreamQueue::~StreamQueue() {
  if (pump_ == nullptr) return;
  pump_->Stop();
  if (!thread_.joinable()) {
    // There was none to be had. What is in the queue, which is its end, is taken here.
    pump_->Run();
  } else if (thread_.get_id() == std::this_thread::get_id()) {
    // The last stream may have been the last that held the client.
    thread_.detach();
  } else {
    thread_.join();
  }
}

}  // namespace userclient::internal
