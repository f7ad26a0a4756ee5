#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"
#include "userclient/call_options.h"
#include "userclient/user_batch.h"

namespace userclient::internal {

/// The next item of a range; nullopt at its end, after which it is not called again.
using NextItem = std::function<std::optional<user::v1::CreateUserRequest>()>;

/// Whether a batch can be made like this. *Errors:* INVALID_ARGUMENT naming the option.
absl::Status CheckBatch(const BatchOptions& batch, const CallOptions& options);

/// Cuts a range into chunks and keeps the book of what became of them.
class BatchLedger {
 public:
  /// Of options that CheckBatch has passed.
  explicit BatchLedger(BatchOptions options);

  /// Takes the next chunk from the range, every item with a key; empty at its end.
  std::vector<user::v1::CreateUserRequest> TakeChunk(const NextItem& next);

  /// The call that sent the chunk has ended. *Errors:* those of the answer, and INTERNAL if it does not fit the chunk; with the
  /// position.
  absl::Status Settle(absl::StatusOr<user::v1::BatchCreateUsersResponse> answer);

  /// Once.
  BatchResult TakeResult() { return std::move(result_); }

 private:
  /// Whether every item of the chunk is in the answer once.
  bool Fits(const user::v1::BatchCreateUsersResponse& answer) const;
  void NoteItem(BatchItem item);

  const BatchOptions options_;
  bool range_ended_ = false;
  BatchPosition position_;
  /// Of the items of the chunk.
  std::vector<std::string> keys_;
  BatchResult result_;
};

}  // namespace userclient::internal
