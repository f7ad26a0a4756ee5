#include "batch_create.h"

#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "userclient/internal/call_engine.h"
#include "userclient/internal/pending_state.h"

namespace userclient::internal {
namespace {

using user::v1::BatchCreateUsersResponse;
using user::v1::CreateUserRequest;

/// A batch that goes on on the thread that brings the answer to the chunk before.
class AsyncBatch final : public CallHandle, public std::enable_shared_from_this<AsyncBatch> {
 public:
  AsyncBatch(std::vector<CreateUserRequest> items, BatchOptions batch, CallOptions options, SendChunk send,
             std::shared_ptr<PendingState<BatchResult>> state)
      : items_(std::move(items)),
        ledger_(std::move(batch)),
        options_(std::move(options)),
        send_(std::move(send)),
        state_(std::move(state)) {}

  void Begin() {
    cancel_on_stop_.emplace(options_.stop, CancelOnStop{this});
    options_.stop = stop_.get_token();
    SendNext();
  }

  void Cancel() override { stop_.request_stop(); }

 private:
  struct CancelOnStop {
    AsyncBatch* batch;
    void operator()() const { batch->Cancel(); }
  };

  void SendNext() {
    std::vector<CreateUserRequest> chunk = ledger_.TakeChunk([this]() -> std::optional<CreateUserRequest> {
      if (taken_ == items_.size()) return std::nullopt;
      return std::move(items_[taken_++]);
    });
    if (chunk.empty()) return End(ledger_.TakeResult());
    send_(std::move(chunk), options_).Then([self = shared_from_this()](absl::StatusOr<BatchCreateUsersResponse> answer) {
      if (absl::Status settled = self->ledger_.Settle(std::move(answer)); !settled.ok()) return self->End(std::move(settled));
      self->SendNext();
    });
  }

  void End(absl::StatusOr<BatchResult> result) {
    cancel_on_stop_.reset();
    state_->Set(std::move(result));
  }

  std::vector<CreateUserRequest> items_;
  size_t taken_ = 0;
  BatchLedger ledger_;
  CallOptions options_;
  const SendChunk send_;
  const std::shared_ptr<PendingState<BatchResult>> state_;
  std::stop_source stop_;
  std::optional<std::stop_callback<CancelOnStop>> cancel_on_stop_;
};

}  // namespace

absl::StatusOr<BatchResult> CreateBatch(const NextItem& next, const BatchOptions& batch, const CallOptions& options,
                                        const SendChunk& send) {
  if (absl::Status wrong = CheckBatch(batch, options); !wrong.ok()) return wrong;
  if (absl::Status status = CheckMayBlock(); !status.ok()) return status;
  BatchLedger ledger(batch);
  while (true) {
    std::vector<CreateUserRequest> chunk = ledger.TakeChunk(next);
    if (chunk.empty()) return ledger.TakeResult();
    if (absl::Status settled = ledger.Settle(send(std::move(chunk), options).Get()); !settled.ok()) return settled;
  }
}

PendingCall<BatchResult> CreateBatchAsync(std::vector<CreateUserRequest> items, BatchOptions batch, CallOptions options,
                                          SendChunk send) {
  auto state = std::make_shared<PendingState<BatchResult>>();
  if (absl::Status wrong = CheckBatch(batch, options); !wrong.ok()) {
    state->Set(std::move(wrong));
    return PendingCall<BatchResult>(std::move(state));
  }
  auto run = std::make_shared<AsyncBatch>(std::move(items), std::move(batch), std::move(options), std::move(send), state);
  state->SetHandle(run);
  run->Begin();
  return PendingCall<BatchResult>(std::move(state));
}

}  // namespace userclient::internal
