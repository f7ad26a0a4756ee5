#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "batch_ledger.h"
#include "user/v1/user_service.pb.h"
#include "userclient/call_options.h"
#include "userclient/pending_call.h"
#include "userclient/user_batch.h"

namespace userclient::internal {

/// Starts the call of one chunk.
using SendChunk = std::function<PendingCall<user::v1::BatchCreateUsersResponse>(std::vector<user::v1::CreateUserRequest> chunk,
                                                                                const CallOptions& options)>;

/// Sends chunk after chunk until the range ends or a chunk fails. Takes from the range only between calls.
absl::StatusOr<BatchResult> CreateBatch(const NextItem& next, const BatchOptions& batch, const CallOptions& options,
                                        const SendChunk& send);

/// The same without a thread that waits.
PendingCall<BatchResult> CreateBatchAsync(std::vector<user::v1::CreateUserRequest> items, BatchOptions batch, CallOptions options,
                                          SendChunk send);

}  // namespace userclient::internal
