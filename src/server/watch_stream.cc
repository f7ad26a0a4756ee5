#include "server/watch_stream.h"

#include <optional>
#include <utility>

#include "server/resume_token.h"
#include "server/status_conversion.h"
#include "server/validation.h"

namespace userclient::internal {
namespace {

/// The client has to begin anew, and can tell so by the reason.
absl::Status ExpiredToken() {
  constexpr char kWhy[] = "belongs to a feed that this server does not have; list the users and watch from the present";
  absl::Status expired = absl::OutOfRangeError(std::string("resume_token: ") + kWhy);
  AttachReason(expired, "RESUME_TOKEN_EXPIRED");
  return expired;
}

}  // namespace

WatchStream::WatchStream(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, std::shared_ptr<UserFeed> feed,
                         grpc::CallbackServerContext* context, std::optional<std::string> request)
    : SendingStream(environment, std::move(live_streams), "WatchUsers", context),
      feed_(std::move(feed)),
      request_(std::move(request)) {}

void WatchStream::Step() {
  if (state_ == State::kSubscribing || state_ == State::kLoading) {
    const std::optional<absl::Status> done = TakeWork();
    if (!done) return;
    if (!done->ok()) return End(*done);
    if (state_ == State::kSubscribing) position_ = subscription_->after();
    state_ = State::kWatching;
  }
  if (sending() || !MayGoOn()) return;
  if (drain_phase() != DrainPhase::kServing) {
    return EndDuly(absl::UnavailableError("the server is shutting down; resume at another"));
  }
  if (state_ == State::kArrived) {
    NoteReceived();
    state_ = State::kSubscribing;
    return Work([this] { return Subscribe(); });
  }
  if (!greeted_) {
    greeted_ = true;
    return SendPosition();
  }
  Watch();
}

absl::Status WatchStream::Subscribe() {
  user::v1::WatchUsersRequest request;
  Violations violations;
  if (absl::Status parsed = ParseRequest(request_, request, violations); !parsed.ok()) return parsed;
  Validate(request, violations);
  if (!violations.empty()) return violations.ToStatus();
  std::optional<int64_t> after;
  if (const std::optional<ResumeToken> token = DecodeResumeToken(request.resume_token())) {
    if (token->feed_id != feed_->id()) return ExpiredToken();
    after = token->after;
  }
  absl::StatusOr<std::unique_ptr<UserFeed::Subscription>> subscription = UserFeed::Subscribe(feed_, after);
  if (absl::IsOutOfRange(subscription.status())) return ExpiredToken();
  if (!subscription.ok()) return subscription.status();
  subscription_ = *std::move(subscription);
  return absl::OkStatus();
}

void WatchStream::Watch() {
  if (!loaded_.empty()) {
    SendEntry(loaded_.front());
    loaded_.pop_front();
    return;
  }
  absl::StatusOr<UserFeed::Next> next = feed_->After(position_, shared_from_this());
  if (!next.ok()) return End(next.status());
  if (next->entry) return SendEntry(*next->entry);
  if (next->behind) {
    state_ = State::kLoading;
    return Work([this]() -> absl::Status {
      absl::StatusOr<std::deque<UserFeed::Entry>> entries = feed_->Load(position_);
      if (!entries.ok()) return entries.status();
      loaded_ = *std::move(entries);
      return absl::OkStatus();
    });
  }
  if (std::chrono::steady_clock::now() - last_sent_ >= feed_->heartbeat()) {
    feed_->Forget(this);
    SendPosition();
  }
}

void WatchStream::SendEntry(const UserFeed::Entry& entry) {
  position_ = entry.sequence;
  last_sent_ = std::chrono::steady_clock::now();
  Send(entry.message);
}

void WatchStream::SendPosition() {
  last_sent_ = std::chrono::steady_clock::now();
  Send(feed_->PositionMessage(position_), /*counts=*/false);
}

}  // namespace userclient::internal
