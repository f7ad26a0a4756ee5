#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/async_stream.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "userclient/internal/message_box.h"
#include "userclient/internal/received_part.h"
#include "userclient/internal/stream_engine.h"
#include "userclient/internal/stream_queue.h"

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
  ReadStream(std::shared_ptr<StreamQueue> queue, const std::string& path, Request request, Advance<Request, Response> advance)
      : queue_(std::move(queue)),
        path_(path),
        request_(std::move(request)),
        taken_(request_),
        advance_(advance),
        box_(std::make_shared<MessageBox<Response>>()) {}

  const std::shared_ptr<MessageBox<Response>>& box() const { return box_; }

  absl::Status Prepare() override {
    if (absl::Status status = queue_->Open(); !status.ok()) return status;
    opened_ = true;
    box_->SetPump(queue_->pump());
    return absl::OkStatus();
  }

  void Start(const PooledChannel& channel, grpc::ClientContext& context, StreamEvents& events) override {
    // The request goes along with the headers.
    context.set_initial_metadata_corked(true);
    grpc::TemplatedGenericStub<Request, ReceivedPart<Response>> stub(channel.channel);
    // It deletes itself.
    attempt_ = new Attempt(queue_, box_->Locked([this](bool /*all_taken*/) { return request_; }), events);
    attempt_->Begin(stub.PrepareCall(&context, path_, queue_->queue()));
  }

  void Read() override { attempt_->Read(); }
  void StopReading() override { attempt_->Finish(); }

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
  void Complete(absl::Status status) override {
    if (opened_) queue_->Close();
    box_->End(std::move(status));
  }

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
  class Attempt final {
   public:
    using Call = grpc::ClientAsyncReaderWriter<Request, ReceivedPart<Response>>;

    Attempt(std::shared_ptr<StreamQueue> queue, Request request, StreamEvents& events)
        : queue_(std::move(queue)), request_(std::move(request)), events_(events) {}

    void Begin(std::unique_ptr<Call> call) {
      call_ = std::move(call);
      // Corked, it only waits for the request, and has no end of its own.
      call_->StartCall(nullptr);
      call_->Write(request_, grpc::WriteOptions().set_last_message(), Tag(written_));
    }

    void Read() {
      part.sound = false;
      ++out_;
      call_->Read(&part, Tag(read_));
    }

    void Finish() { call_->Finish(&status_, Tag(ended_)); }

    ReceivedPart<Response> part{};

   private:
    class Step final : public StreamStep {
     public:
      using Then = void (Attempt::*)(bool ok);
      Step(Attempt* attempt, Then then) : attempt_(attempt), then_(then) {}
      void Done(bool ok) override { (attempt_->*then_)(ok); }

     private:
      Attempt* const attempt_;
      const Then then_;
    };

    static void* Tag(StreamStep& step) { return &step; }

    void OnWritten(bool /*ok*/) { Return(); }
    void OnRead(bool ok) {
      events_.OnRead(ok);
      Return();
    }
    void OnEnded(bool /*ok*/) { Return(); }

    /// One of the steps that are out is back.
    void Return() {
      if (--out_ > 0) return;
      StreamEvents& events = events_;
      grpc::Status status = std::move(status_);
      delete this;
      events.OnEnded(std::move(status));
    }

    const std::shared_ptr<StreamQueue> queue_;
    const Request request_;
    StreamEvents& events_;
    std::unique_ptr<Call> call_;
    grpc::Status status_;
    Step written_{this, &Attempt::OnWritten};
    Step read_{this, &Attempt::OnRead};
    Step ended_{this, &Attempt::OnEnded};
    /// The request and the end, which every attempt has, and a read.
    std::atomic<int> out_{2};
  };

  const std::shared_ptr<StreamQueue> queue_;
  const std::string& path_;
  // Changed together with the messages in the box, under its lock.
  Request request_;
  /// Of the messages that have been taken, if that is tracked.
  Request taken_;
  bool started_ = false;
  const Advance<Request, Response> advance_;
  const std::shared_ptr<MessageBox<Response>> box_;
  Attempt* attempt_ = nullptr;
  bool opened_ = false;
};

}  // namespace userclient::internal
