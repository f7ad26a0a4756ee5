#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/stream_call.h"

namespace userclient::internal {

/// A StreamCall that is one of gRPC's reactors.
template <typename Reactor>
class StreamReactor : public Reactor, public StreamCall {
 public:
  void OnCancel() final { OnCancelled(); }
  void OnDone() final { OnGone(); }

 protected:
  using StreamCall::StreamCall;

 private:
  void SendHeaders() final { this->StartSendInitialMetadata(); }
  void FinishWith(const grpc::Status& status) final { this->Finish(status); }
};

/// One that sends messages.
template <typename Reactor>
class SendingStream : public StreamReactor<Reactor> {
 public:
  void OnWriteDone(bool ok) final { this->OnSent(ok); }

 protected:
  using StreamReactor<Reactor>::StreamReactor;

  /// One at a time. `counts`: for the fault's "after".
  void Send(const grpc::ByteBuffer& message, bool counts = true) {
    outgoing_ = message;
    this->NoteSending(counts);
    grpc::WriteOptions options;
    // What was sent shall be in the socket before the connection is cut.
    if (this->attempt().fault() != nullptr && this->attempt().fault()->drop) options.set_write_through();
    this->StartWrite(&outgoing_, options);
  }

 private:
  void SendGarbage() final { Send(GarbageBuffer(), /*counts=*/false); }

  grpc::ByteBuffer outgoing_;
};

/// One that takes messages, on top of another.
template <typename Base>
class TakingStream : public Base {
 public:
  void OnReadDone(bool ok) final {
    received_ = ok ? Received::kMessage : Received::kEnd;
    this->Turn();
  }

 protected:
  using Base::Base;

  /// Asks gRPC for the next message; one at a time, and none after the last.
  void Receive() {
    receiving_ = true;
    this->StartRead(&incoming_);
  }
  bool receiving() const { return receiving_; }
  /// The client will send no more. One that is gone looks alike, until gRPC says that the call is cancelled.
  bool half_closed() const { return half_closed_; }

  /// The message that has arrived, once.
  std::optional<std::string> TakeMessage() {
    const Received received = received_.exchange(Received::kNothing);
    if (received == Received::kNothing) return std::nullopt;
    receiving_ = false;
    if (received == Received::kEnd) {
      half_closed_ = true;
      return std::nullopt;
    }
    this->NoteReceived();
    return ContentOf(incoming_);
  }

 private:
  enum class Received { kNothing, kMessage, kEnd };

  std::atomic<Received> received_{Received::kNothing};
  grpc::ByteBuffer incoming_;
  bool receiving_ = false;
  bool half_closed_ = false;
};

/// Makes a stream and lets it begin; it owns itself.
template <typename Stream, typename... Arguments>
Stream* BeginStream(const std::string& request, Arguments&&... arguments) {
  const auto stream = std::make_shared<Stream>(std::forward<Arguments>(arguments)...);
  stream->Begin(request);
  return stream.get();
}

}  // namespace userclient::internal
