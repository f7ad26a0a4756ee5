// Messages off the wire: requests as the server takes them, and the answer to a batch as the client does.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch_ledger.h"
#include "samples/userctl/printable.h"
#include "server/validation.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/text_promises.h"

namespace userclient::fuzz {
namespace {

template <class Request>
void FeedRequest(std::string_view bytes) {
  Request request;
  internal::Violations violations;
  const absl::Status parsed = internal::ParseRequest(bytes, request, violations);
  if (!parsed.ok()) {
    Require(parsed.code() == absl::StatusCode::kInternal, "bytes that are no message are INTERNAL", parsed.ToString());
    return RequireReadable(std::string(parsed.message()));
  }
  Request again;
  internal::Violations none;
  Require(internal::ParseRequest(request.SerializeAsString(), again, none).ok() && none.empty(),
          "a request that was read can be written and read again");
  Validate(request, violations);
  if (violations.empty()) return;
  const absl::Status refused = violations.ToStatus();
  Require(refused.code() == absl::StatusCode::kInvalidArgument, "a wrong field is INVALID_ARGUMENT", refused.ToString());
  RequireReadable(std::string(refused.message()));
  Require(refused.message().find(": ") != absl::string_view::npos, "a wrong field is named", refused.ToString());
}

/// Whatever the server answers to a batch: every item is accounted for once, or none is.
void FeedBatchAnswer(std::string_view bytes) {
  user::v1::BatchCreateUsersResponse answer;
  if (!answer.ParseFromString(std::string(bytes))) return;
  const int64_t items = int64_t{answer.users_size()} + answer.failures_size();
  if (items > 1000) return;
  int64_t told = 0;
  internal::BatchLedger ledger({.chunk_size = 1000, .key_prefix = "k", .on_item = [&](const BatchItem& item) {
                                  Require(item.position == told++, "items come in their order");
                                }});
  int64_t given = 0;
  const auto chunk = ledger.TakeChunk([&]() -> std::optional<user::v1::CreateUserRequest> {
    if (given++ == items) return std::nullopt;
    return user::v1::CreateUserRequest();
  });

  const absl::Status settled = ledger.Settle(answer);

  const BatchResult result = ledger.TakeResult();
  if (settled.ok()) {
    return Require(result.created == answer.users_size() && result.failed == answer.failures_size() && told == items,
                   "every item is accounted for once");
  }
  Require(settled.code() == absl::StatusCode::kInternal && told == 0, "an answer that does not fit settles nothing");
  const std::optional<BatchPosition> position = BatchPositionOf(settled);
  Require(position && position->next == 0 && position->sent == items, "the error of a batch tells how far it came");
}

}  // namespace

void Feed(std::string_view bytes) {
  FeedRequest<user::v1::GetUserRequest>(bytes);
  FeedRequest<user::v1::ListUsersRequest>(bytes);
  FeedRequest<user::v1::CreateUserRequest>(bytes);
  FeedRequest<user::v1::StreamActivityRequest>(bytes);
  FeedRequest<user::v1::WatchUsersRequest>(bytes);
  FeedRequest<user::v1::LookupUsersRequest>(bytes);
  FeedBatchAnswer(bytes);
}

}  // namespace userclient::fuzz
