#include "batch_ledger.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "idempotency_key.h"

namespace userclient {

using user::v1::BatchCreateFailure;
using user::v1::BatchCreateUsersResponse;
using user::v1::CreateUserRequest;

namespace {

/// What the service takes in one stream.
constexpr int kLargestChunk = 1000;
/// What the service takes as a key, less the digits of the greatest position.
constexpr size_t kLongestPrefix = 128 - 19 - 1;

constexpr char kPositionPayload[] = "userclient/batch-position";

void AttachPosition(const BatchPosition& position, absl::Status& status) {
  status.SetPayload(kPositionPayload, absl::Cord(absl::StrCat(position.next, " ", position.sent, " ", position.created, " ",
                                                              position.failed, " ", position.key_prefix)));
}

}  // namespace

std::optional<BatchPosition> BatchPositionOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPositionPayload);
  if (!payload) return std::nullopt;
  const std::string text(*payload);
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits(' ', 4));
  BatchPosition position;
  if (parts.size() != 5 || !absl::SimpleAtoi(parts[0], &position.next) || !absl::SimpleAtoi(parts[1], &position.sent) ||
      !absl::SimpleAtoi(parts[2], &position.created) || !absl::SimpleAtoi(parts[3], &position.failed)) {
    return std::nullopt;
  }
  if (position.next < 0 || position.sent < position.next || position.created < 0 || position.failed < 0) return std::nullopt;
  position.key_prefix = parts[4];
  return position;
}

namespace internal {

absl::Status CheckBatch(const BatchOptions& batch, const CallOptions& options) {
  if (batch.chunk_size < 1 || batch.chunk_size > kLargestChunk) {
    return absl::InvalidArgumentError(
        absl::StrCat("BatchOptions.chunk_size: must be from 1 to ", kLargestChunk, ", is ", batch.chunk_size));
  }
  if (batch.key_prefix.size() > kLongestPrefix) {
    return absl::InvalidArgumentError(absl::StrCat("BatchOptions.key_prefix: must be at most ", kLongestPrefix,
                                                   " bytes, so that a position fits behind it, is ", batch.key_prefix.size()));
  }
  if (batch.first_position < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("BatchOptions.first_position: must not be negative, is ", batch.first_position));
  }
  if (options.fallback) {
    return absl::InvalidArgumentError("CallOptions.fallback: BatchCreateUsers takes none, nothing stands in for a created user");
  }
  return absl::OkStatus();
}

BatchLedger::BatchLedger(BatchOptions options)
    : options_(std::move(options)),
      position_{.next = options_.first_position,
                .sent = options_.first_position,
                .key_prefix = options_.key_prefix.empty() ? NewIdempotencyKey() + "/" : options_.key_prefix} {}

std::vector<CreateUserRequest> BatchLedger::TakeChunk(const NextItem& next) {
  std::vector<CreateUserRequest> chunk;
  keys_.clear();
  while (!range_ended_ && chunk.size() < static_cast<size_t>(options_.chunk_size)) {
    std::optional<CreateUserRequest> item = next();
    range_ended_ = !item;
    if (range_ended_) break;
    if (item->idempotency_key().empty()) item->set_idempotency_key(absl::StrCat(position_.key_prefix, position_.sent));
    ++position_.sent;
    keys_.push_back(item->idempotency_key());
    chunk.push_back(*std::move(item));
  }
  return chunk;
}

absl::Status BatchLedger::Settle(absl::StatusOr<BatchCreateUsersResponse> answer) {
  if (answer.ok() && !Fits(*answer)) {
    answer = absl::InternalError(absl::StrCat("BatchCreateUsers: the server's answer does not tell of the ", keys_.size(),
                                              " items that were sent, each once"));
  }
  if (!answer.ok()) {
    absl::Status status = answer.status();
    AttachPosition(position_, status);
    return status;
  }
  auto failure = answer->failures().begin();
  auto user = answer->mutable_users()->begin();
  for (size_t i = 0; i < keys_.size(); ++i) {
    BatchItem item = {.position = position_.next + static_cast<int64_t>(i), .idempotency_key = std::move(keys_[i])};
    if (failure != answer->failures().end() && failure->index() == static_cast<int64_t>(i)) {
      item.user = absl::Status(static_cast<absl::StatusCode>(failure->code()), std::string(failure->message()));
      ++failure;
    } else {
      item.user = std::move(*user);
      ++user;
    }
    NoteItem(std::move(item));
  }
  position_.next = position_.sent;
  position_.created = result_.created;
  position_.failed = result_.failed;
  if (options_.on_progress) options_.on_progress(position_);
  return absl::OkStatus();
}

bool BatchLedger::Fits(const BatchCreateUsersResponse& answer) const {
  const auto items = static_cast<int64_t>(keys_.size());
  if (int64_t{answer.users_size()} + answer.failures_size() != items) return false;
  int64_t before = -1;
  for (const BatchCreateFailure& failure : answer.failures()) {
    if (failure.index() <= before || failure.index() >= items || failure.code() == 0) return false;
    before = failure.index();
  }
  return true;
}

void BatchLedger::NoteItem(BatchItem item) {
  ++(item.user.ok() ? result_.created : result_.failed);
  if (options_.on_item) return options_.on_item(item);
  if (item.user.ok()) {
    result_.users.push_back(*std::move(item.user));
  } else {
    result_.failures.push_back(std::move(item));
  }
}

}  // namespace internal
}  // namespace userclient
