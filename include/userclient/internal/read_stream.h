#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/stub_options.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "userclient/internal/message_box.h"
#include "userclient/internal/received_part.h"
#include "userclient/internal/stream_engine.h"

namespace userclient::internal {

/// Changes a request so that it asks for what comes after a message.
template <class Request, class Response>
using Advance = StreamProgress (*)(Request& request, const Response& message);

/// The typed end of a server stream.
template <class Request, class Response>
class ReadStream final : public TypedStream {
 public:
  /// `path` is the core's, and lives as long as the stream does. Without `advance` every message is the application's, and the
  /// request is always the same.
  ReadStream(const std::string& path, Request request, Advance<Request, Response> advance)
      : path_(path),
        request_(std::move(request)),
        taken_(request_),
        advance_(advance),
        box_(std::make_shared<MessageBox<Response>>()) {}

  const std::shared_ptr<MessageBox<Response>>& box() const { return box_; }

  void Start(const PooledChannel& channel, grpc::ClientContext& context, StreamEvents& events) override {
    // It deletes itself.
    attempt_ = new Attempt(box_->Locked([this](bool /*all_taken*/) { return request_; }), events);
    grpc::TemplatedGenericStub<Request, ReceivedPart<Response>> stub(channel.channel);
    stub.PrepareBidiStreamingCall(&context, path_, grpc::StubOptions(), attempt_);
    attempt_->Begin();
  }

  void Read() override { attempt_->Read(); }
  void StopReading() override { attempt_->RemoveHold(); }

  std::optional<StreamProgress> Take() override {
    ReceivedPart<Response>& part = attempt_->part;
    if (!part.sound) return std::nullopt;
    StreamProgress progress = StreamProgress::kMessage;
    box_->Put(std::move(part.message), [&](const Response& message, bool all_taken) {
      started_ = true;
      if (advance_ != nullptr) progress = advance_(request_, message);
      if (progress != StreamProgress::kPosition) return true;
      if (all_taken) taken_ = request_;
      return false;
    });
    return progress;
  }

  bool HasRoom() override { return box_->HasRoom(); }
  std::optional<std::chrono::steady_clock::time_point> ExpectsSince() const override {
    return std::chrono::steady_clock::time_point::min();
  }
  void Complete(absl::Status status) override { box_->End(std::move(status)); }

  /// Before any message is taken: makes Position known. From then on this must live for as long as messages are taken.
  void TrackPosition() {
    box_->OnTaken([this](const Response& message) { advance_(taken_, message); });
  }

  /// What would ask for all that has not been taken.
  Request Position() const {
    return box_->Locked([this](bool all_taken) { return all_taken ? request_ : taken_; });
  }

  /// Blocks until the first message has come, whether it is for the application or not. False: it has not, in this time.
  bool WaitStarted(std::chrono::steady_clock::time_point time) {
    return box_->WaitUntil(time, [this] { return started_; });
  }

 private:
  class Attempt final : public grpc::ClientBidiReactor<Request, ReceivedPart<Response>> {
   public:
    Attempt(Request request, StreamEvents& events) : request_(std::move(request)), events_(events) {}

    void Begin() {
      // Until StopReading: reads are asked for from other threads.
      this->AddHold();
      this->StartWriteLast(&request_, grpc::WriteOptions());
      this->StartCall();
    }

    void Read() {
      part.sound = false;
      this->StartRead(&part);
    }

    void OnReadDone(bool ok) override { events_.OnRead(ok); }
    void OnDone(const grpc::Status& status) override {
      StreamEvents& events = events_;
      grpc::Status copy = status;
      delete this;
      events.OnEnded(std::move(copy));
    }

    ReceivedPart<Response> part{};

   private:
    const Request request_;
    StreamEvents& events_;
  };

  const std::string& path_;
  // Changed together with the messages in the box, under its lock.
  Request request_;
  /// Of the messages that have been taken, if that is tracked.
  Request taken_;
  bool started_ = false;
  const Advance<Request, Response> advance_;
  const std::shared_ptr<MessageBox<Response>> box_;
  Attempt* attempt_ = nullptr;
};

}  // namespace userclient::internal
