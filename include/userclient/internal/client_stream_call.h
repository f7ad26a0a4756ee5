#pragma once

/// A client-streaming RPC as the engine sees it: as a call. Its messages are known before it starts and it ends with one
/// response, so it can be sent again like a unary one.

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/serialization_traits.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/stub_options.h>
#include <grpcpp/support/sync_stream.h>

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "userclient/internal/call_engine.h"
#include "userclient/internal/pending_state.h"

namespace userclient::internal {

/// How a generated stub is asked for a client-streaming RPC.
template <class Stub, class Request, class Response>
using OpenWriter = std::unique_ptr<grpc::ClientWriterInterface<Request>> (Stub::*)(grpc::ClientContext*, Response*);

/// One attempt: sends the messages one after the other, each when the flow control has let the one before through, half-closes
/// with the last, and takes the response. Goes away by itself when gRPC is done with it.
template <class Request, class Response>
class ClientStreamAttempt final : public grpc::ClientBidiReactor<Request, grpc::ByteBuffer> {
 public:
  /// All but `channel` live until `done` is called.
  static void Start(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext& context, const std::string& path,
                    const std::vector<Request>& messages, Response& response, std::function<void(grpc::Status)> done) {
    auto* const attempt = new ClientStreamAttempt(context, messages, response, std::move(done));
    // As bytes, because gRPC tells the reader of a stream that bytes which are no message are the end of the stream.
    grpc::TemplatedGenericStub<Request, grpc::ByteBuffer> stub(channel);
    stub.PrepareBidiStreamingCall(&context, path, grpc::StubOptions(), attempt);
    attempt->StartRead(&attempt->received_);
    if (messages.empty()) {
      attempt->StartWritesDone();
    } else {
      attempt->WriteNext();
    }
    attempt->StartCall();
  }

 private:
  ClientStreamAttempt(grpc::ClientContext& context, const std::vector<Request>& messages, Response& response,
                      std::function<void(grpc::Status)> done)
      : context_(context), messages_(messages), response_(response), done_(std::move(done)) {}

  void WriteNext() {
    grpc::WriteOptions options;
    const Request& message = messages_[next_++];
    if (next_ == messages_.size()) {
      options.set_last_message();
    } else {
      // More follows at once: what is small may go out together.
      options.set_buffer_hint();
    }
    this->StartWrite(&message, options);
  }

  void OnWriteDone(bool ok) override {
    if (ok && next_ < messages_.size()) WriteNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (++responses_ > 1) return context_.TryCancel();
    // There should be no other, but unread it would keep the stream from ending.
    this->StartRead(&surplus_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::function<void(grpc::Status)> done = std::move(done_);
    grpc::Status outcome = Outcome(status);
    delete this;
    done(std::move(outcome));
  }

  grpc::Status Outcome(const grpc::Status& status) {
    if (responses_ > 1) return {grpc::StatusCode::INTERNAL, "the server sent more than one response"};
    if (!status.ok()) return status;
    if (responses_ == 0) return {grpc::StatusCode::INTERNAL, "the server ended the call with OK, but without a response"};
    if (grpc::SerializationTraits<Response>::Deserialize(&received_, &response_).ok()) return status;
    return {grpc::StatusCode::INTERNAL, "the server's response is no such message"};
  }

  grpc::ClientContext& context_;
  const std::vector<Request>& messages_;
  Response& response_;
  std::function<void(grpc::Status)> done_;

  // Of the writes, which come one after the other.
  size_t next_ = 0;
  // Of the reads.
  int responses_ = 0;
  grpc::ByteBuffer received_;
  grpc::ByteBuffer surplus_;
};

/// The typed end of one client-streaming call.
template <class Request, class Response>
class ClientStreamCall final : public TypedCall {
 public:
  /// `path` is the core's, and lives as long as the call does.
  ClientStreamCall(const std::string& path, std::vector<Request> messages, std::shared_ptr<PendingState<Response>> state)
      : path_(path), messages_(std::move(messages)), state_(std::move(state)) {}

  void Start(int number, const PooledChannel& channel, grpc::ClientContext& context,
             std::function<void(grpc::Status)> done) override {
    ClientStreamAttempt<Request, Response>::Start(channel.channel, context, path_, messages_, responses_[number],
                                                  std::move(done));
  }

  void Complete(absl::Status status, int winner) override {
    const std::shared_ptr<PendingState<Response>> state = std::move(state_);
    if (status.ok()) {
      state->Set(std::move(responses_[winner]));
    } else {
      state->Set(std::move(status));
    }
  }

  /// Only asked for where answers are kept or shared by request, which no service config may want of a stream
  /// (src/config/service_contract.cc): there is not one request.
  const google::protobuf::MessageLite& request() const override { std::abort(); }
  google::protobuf::MessageLite& response(int number) override { return responses_[number]; }

 private:
  const std::string& path_;
  const std::vector<Request> messages_;
  std::shared_ptr<PendingState<Response>> state_;
  /// A map, because an attempt's response must not move.
  std::map<int, Response> responses_;
};

}  // namespace userclient::internal
