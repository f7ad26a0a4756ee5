#include "server/batch_create_call.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/validation.h"

namespace userclient::internal {
namespace {

// So many answers stay far below the four megabytes that a client takes by default.
constexpr int64_t kMaxItems = 1000;
/// How many items are taken while others are being written.
constexpr size_t kMaxTaken = 64;

absl::Status TooManyItems() {
  Violations violations;
  violations.Add("items", absl::StrCat("must be at most ", kMaxItems, " in one stream; send the rest in others"));
  return violations.ToStatus();
}

}  // namespace

BatchCreateCall::BatchCreateCall(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, UserStore& store,
                                 std::shared_ptr<UserFeed> feed, grpc::CallbackServerContext* context, grpc::ByteBuffer* response)
    : TakingStream(environment, std::move(live_streams), "BatchCreateUsers", context),
      store_(store),
      feed_(std::move(feed)),
      response_(response) {}

void BatchCreateCall::Step() {
  if (const std::optional<std::string> item = TakeMessage()) TakeItem(*item);
  if (creating_) {
    if (const std::optional<absl::Status> created = TakeWork()) {
      creating_ = false;
      if (!created->ok()) return End(*created);
      NoteOutcomes();
    }
  }
  if (!creating_ && !taken_.users.empty()) CreateTaken();
  if (MayTakeMore()) Receive();

  const bool all_created = !creating_ && taken_.users.empty();
  if (!all_created) return;
  if (items_ > kMaxItems) return End(TooManyItems());
  if (half_closed()) Answer();
}

bool BatchCreateCall::MayTakeMore() {
  if (receiving() || half_closed() || items_ > kMaxItems || taken_.users.size() >= kMaxTaken) return false;
  // A fault between two items finds those before it created.
  if (attempt().fault() != nullptr && (creating_ || !taken_.users.empty())) return false;
  return MayGoOn();
}

void BatchCreateCall::TakeItem(std::string_view bytes) {
  NoteTaken();
  const int64_t index = items_++;
  if (items_ > kMaxItems) return;
  user::v1::CreateUserRequest request;
  Violations violations;
  absl::Status status = ParseRequest(bytes, request, violations);
  if (status.ok()) Validate(request, violations);
  if (status.ok() && !violations.empty()) status = violations.ToStatus();
  if (!status.ok()) return AddFailure(index, request.idempotency_key(), status);
  taken_.indexes.push_back(index);
  taken_.users.push_back(
      {.email = request.email(), .display_name = request.display_name(), .idempotency_key = request.idempotency_key()});
}

void BatchCreateCall::CreateTaken() {
  being_created_ = std::exchange(taken_, {});
  creating_ = true;
  Work([this]() -> absl::Status {
    absl::StatusOr<std::vector<absl::StatusOr<user::v1::User>>> outcomes = store_.CreateAll(being_created_.users);
    if (!outcomes.ok()) return outcomes.status();
    outcomes_ = *std::move(outcomes);
    feed_->Notify();
    return absl::OkStatus();
  });
}

void BatchCreateCall::NoteOutcomes() {
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    if (outcomes_[i].ok()) {
      *answer_.add_users() = *std::move(outcomes_[i]);
    } else {
      AddFailure(being_created_.indexes[i], being_created_.users[i].idempotency_key, outcomes_[i].status());
    }
  }
}

void BatchCreateCall::AddFailure(int64_t index, const std::string& idempotency_key, const absl::Status& status) {
  user::v1::BatchCreateFailure& failure = *answer_.add_failures();
  failure.set_index(index);
  failure.set_idempotency_key(idempotency_key);
  failure.set_code(status.raw_code());
  failure.set_message(std::string(status.message()));
}

void BatchCreateCall::Answer() {
  // What fails before the store is asked was noted out of turn.
  std::sort(answer_.mutable_failures()->begin(), answer_.mutable_failures()->end(),
            [](const auto& left, const auto& right) { return left.index() < right.index(); });
  *response_ = BufferOf(answer_.SerializeAsString());
  EndDuly(absl::OkStatus());
}

}  // namespace userclient::internal
