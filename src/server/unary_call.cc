#include "server/unary_call.h"

#include <utility>

namespace userclient::internal {

grpc::ServerUnaryReactor* UnaryCall::Start(CallEnvironment& environment, std::string_view method,
                                           grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response, Handler handler) {
  auto* call = new UnaryCall(environment, method, context, request, response, std::move(handler));
  call->Arrive();
  return call;
}

UnaryCall::UnaryCall(CallEnvironment& environment, std::string_view method, grpc::CallbackServerContext* context,
                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response, Handler handler)
    : attempt_(environment, method, context), response_(response), handler_(std::move(handler)), request_(ContentOf(*request)) {}

void UnaryCall::Arrive() {
  if (absl::Status allowed = attempt_.Arrive(request_.value_or("")); !allowed.ok()) return End(allowed);
  const Fault* const fault = attempt_.fault();
  if (fault == nullptr) return Handle();

  if (fault->headers) StartSendInitialMetadata();
  if (fault->hang) {
    hangs_ = true;
  } else if (fault->delay.count() > 0) {
    const auto until =
        std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(fault->delay);
    delay_.Set(until, [this](bool over) { over ? Answer() : End(CancelledByGrpc()); });
  } else {
    Answer();
  }
}

void UnaryCall::Answer() {
  const Fault& fault = *attempt_.fault();
  if (fault.status) return End(attempt_.FaultStatus());
  if (fault.garbage) {
    *response_ = GarbageBuffer();
    return End(absl::OkStatus());
  }
  if (fault.drop) {
    attempt_.Drop();
    return End(CancelledByGrpc());
  }
  Handle();
}

void UnaryCall::Handle() {
  WorkerPool* const workers = attempt_.environment().workers;
  if (workers == nullptr) return RunHandler();
  workers->Post([this] { RunHandler(); });
}

void UnaryCall::RunHandler() {
  if (attempt_.is_cancelled()) return End(CancelledByGrpc());
  std::string response;
  std::string error;
  const absl::Status status = attempt_.Run(
      [this, &response] {
        if (attempt_.fault() != nullptr && attempt_.fault()->throws) ThrowAsTold();
        return handler_(request_, response);
      },
      error);
  if (status.ok()) *response_ = BufferOf(response);
  End(status, error);
}

void UnaryCall::End(const absl::Status& status, const std::string& error) { Finish(attempt_.End(status, error)); }

void UnaryCall::OnCancel() {
  attempt_.NoteCancelled();
  if (hangs_) {
    End(CancelledByGrpc());
  } else {
    delay_.Cancel();
  }
}

void UnaryCall::OnDone() { delete this; }

}  // namespace userclient::internal
