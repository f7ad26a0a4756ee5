#pragma once

/// A server that takes streams and answers with whatever bytes a test wants: for what no well-behaved server does.

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace userclient::testing {

/// What happens to every call.
struct RawAnswer {
  /// So many messages are taken, and then no more: the stream hangs until its client is gone.
  int reads = std::numeric_limits<int>::max();
  /// Sent after the client's half-close.
  std::vector<std::string> responses{};
  grpc::Status status{};
};

class RawStreamServer final : public grpc::CallbackGenericService {
 public:
  explicit RawStreamServer(RawAnswer answer) : answer_(std::move(answer)) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // The window does not grow with the speed of the connection, so that what fits into it is known.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~RawStreamServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Messages taken, of all calls.
  int messages() const { return messages_; }
  int calls() const { return calls_; }

 private:
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Call(RawStreamServer& server) : server_(server) { ReadNext(); }

   private:
    void ReadNext() {
      if (reads_++ < server_.answer_.reads) StartRead(&message_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) return Answer();
      ++server_.messages_;
      ReadNext();
    }
    void Answer() {
      const std::vector<std::string>& responses = server_.answer_.responses;
      if (written_ == responses.size()) return FinishOnce(server_.answer_.status);
      const grpc::Slice slice(responses[written_++]);
      response_ = grpc::ByteBuffer(&slice, 1);
      StartWrite(&response_);
    }
    void OnWriteDone(bool ok) override {
      if (ok) Answer();
    }
    void OnCancel() override { FinishOnce({grpc::StatusCode::CANCELLED, ""}); }
    void FinishOnce(const grpc::Status& status) {
      if (!finished_.exchange(true)) Finish(status);
    }
    void OnDone() override { delete this; }

    RawStreamServer& server_;
    int reads_ = 0;
    size_t written_ = 0;
    grpc::ByteBuffer message_;
    grpc::ByteBuffer response_;
    std::atomic<bool> finished_ = false;
  };

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* /*context*/) override {
    ++calls_;
    return new Call(*this);
  }

  const RawAnswer answer_;
  std::atomic<int> messages_ = 0;
  std::atomic<int> calls_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace userclient::testing
