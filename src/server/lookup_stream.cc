#include "server/lookup_stream.h"

#include <optional>
#include <utility>

#include "server/validation.h"

namespace userclient::internal {
namespace {

constexpr size_t kMaxUnanswered = 64;

}  // namespace

LookupStream::LookupStream(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, UserStore& store,
                           grpc::CallbackServerContext* context)
    : TakingStream(environment, std::move(live_streams), "LookupUsers", context), store_(store) {}

void LookupStream::Step() {
  if (const std::optional<std::string> request = TakeMessage()) TakeRequest(*request);
  if (looking_up_) {
    if (const std::optional<absl::Status> done = TakeWork()) TakeAnswers(*done);
  }
  if (!looking_up_ && !taken_.empty()) LookUpTaken();
  const bool takes_more = failure_.ok() && !half_closed() && drain_phase() != DrainPhase::kClosing;
  if (takes_more && !receiving() && unanswered() < kMaxUnanswered) Receive();

  if (sending() || !MayGoOn()) return;
  if (!answers_.empty()) {
    Send(answers_.front());
    answers_.pop_front();
    return;
  }
  if (unanswered() > 0) return;
  if (!failure_.ok()) return End(failure_);
  if (half_closed()) return EndDuly(absl::OkStatus());
  if (!takes_more) EndDuly(absl::UnavailableError("the server is shutting down; ask another for what is unanswered"));
}

void LookupStream::TakeRequest(std::string_view bytes) {
  // The stream has failed while the message was on its way.
  if (!failure_.ok()) return;
  user::v1::LookupUsersRequest request;
  Violations violations;
  failure_ = ParseRequest(bytes, request, violations);
  if (!failure_.ok()) return;
  Validate(request, violations);
  if (violations.empty()) {
    taken_.push_back(request.user_id());
  } else {
    failure_ = violations.ToStatus();
  }
}

void LookupStream::LookUpTaken() {
  looked_up_ = std::exchange(taken_, {});
  looking_up_ = true;
  Work([this]() -> absl::Status {
    for (const std::string& user_id : looked_up_) {
      absl::StatusOr<user::v1::User> user = store_.Get(user_id);
      if (!user.ok() && !absl::IsNotFound(user.status())) return user.status();
      user::v1::LookupUsersResponse& answer = found_.emplace_back();
      answer.set_user_id(user_id);
      if (user.ok()) {
        *answer.mutable_user() = *std::move(user);
      } else {
        answer.set_not_found(true);
      }
    }
    return absl::OkStatus();
  });
}

void LookupStream::TakeAnswers(const absl::Status& status) {
  looking_up_ = false;
  for (const user::v1::LookupUsersResponse& answer : found_) answers_.push_back(BufferOf(answer.SerializeAsString()));
  found_.clear();
  looked_up_.clear();
  if (status.ok()) return;
  // What was asked after it stays unanswered.
  taken_.clear();
  failure_ = status;
}

}  // namespace userclient::internal
