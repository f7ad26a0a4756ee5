#include "transport/callback_threads.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"

namespace userclient::internal {
namespace {

/// A channel to nowhere, and a call over it that fails at once: a channel has the threads from its first such call on.
struct CallToNowhere {
  CallToNowhere() : stub(channel) {
    stub.UnaryCall(&context, "/userclient/nowhere", {}, &request, &response, [this](const grpc::Status&) { over.Notify(); });
  }

  // Without credentials, gRPC makes one that answers by itself.
  const std::shared_ptr<grpc::Channel> channel = grpc::CreateChannel("", nullptr);
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub;
  grpc::ClientContext context;
  const grpc::Slice nothing;
  const grpc::ByteBuffer request{&nothing, 1};
  grpc::ByteBuffer response;
  absl::Notification over;
};

class CallbackThreads {
 public:
  CallbackThreads() = default;
  CallbackThreads(const CallbackThreads&) = delete;
  CallbackThreads& operator=(const CallbackThreads&) = delete;
  ~CallbackThreads() {
    if (call_->over.HasBeenNotified()) return;
    // Not here, which may be a server's callback on the very thread that the answer waits for.
    auto* const call = call_.release();
    try {
      std::thread([call] {
        call->over.WaitForNotification();
        delete call;
      }).detach();
    } catch (const std::system_error&) {
      // A system that has no thread left; to wait here could be for ever. The call stays.
    }
  }

 private:
  std::unique_ptr<CallToNowhere> call_ = std::make_unique<CallToNowhere>();
};

}  // namespace

std::shared_ptr<const void> KeepCallbackThreads() {
  static auto* const mutex = new std::mutex;
  static auto* const present = new std::weak_ptr<const CallbackThreads>;
  const std::lock_guard lock(*mutex);
  std::shared_ptr<const CallbackThreads> threads = present->lock();
  if (threads == nullptr) {
    threads = std::make_shared<const CallbackThreads>();
    *present = threads;
  }
  return threads;
}

}  // namespace userclient::internal
