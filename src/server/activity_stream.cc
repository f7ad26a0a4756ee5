#include "server/activity_stream.h"

#include <algorithm>
#include <utility>

#include "server/activity_log.h"
#include "server/status_conversion.h"
#include "server/validation.h"

namespace userclient::internal {
namespace {

constexpr int kEventsAPage = 100;

}  // namespace

ActivityStream::ActivityStream(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, UserStore& store,
                               grpc::CallbackServerContext* context, std::optional<std::string> request)
    : SendingStream(environment, std::move(live_streams), "StreamActivity", context),
      store_(store),
      request_(std::move(request)) {}

void ActivityStream::Step() {
  if (loading_) {
    const std::optional<absl::Status> loaded = TakeWork();
    if (!loaded) return;
    loading_ = false;
    if (!loaded->ok()) return End(*loaded);
  }
  if (sending() || !MayGoOn()) return;
  if (!parsed_) {
    parsed_ = true;
    NoteReceived();
    if (absl::Status parsed = Parse(); !parsed.ok()) return End(parsed);
  }

  if (next_ < page_.events.size()) return Send(BufferOf(page_.events[next_++].SerializeAsString()));
  if (!page_.more || wanted_ == 0) return EndDuly(absl::OkStatus());
  loading_ = true;
  Work([this] { return LoadPage(); });
}

absl::Status ActivityStream::Parse() {
  user::v1::StreamActivityRequest request;
  Violations violations;
  if (absl::Status parsed = ParseRequest(request_, request, violations); !parsed.ok()) return parsed;
  Validate(request, violations);
  if (!violations.empty()) return violations.ToStatus();
  query_.user_id = request.user_id();
  query_.after = EventNumberOf(request.after_event_id()).value_or(0);
  if (request.limit() > 0) wanted_ = request.limit();
  return absl::OkStatus();
}

absl::Status ActivityStream::LoadPage() {
  query_.limit = static_cast<int>(std::min<int64_t>(kEventsAPage, wanted_.value_or(kEventsAPage)));
  absl::StatusOr<ActivityPage> page = store_.Activity(query_);
  if (absl::IsOutOfRange(page.status())) {
    constexpr char kBeyond[] = "lies beyond the last event of this user";
    absl::Status beyond = absl::OutOfRangeError(std::string("after_event_id: ") + kBeyond);
    AttachViolations(beyond, {{"after_event_id", kBeyond}});
    return beyond;
  }
  if (!page.ok()) return page.status();
  page_ = *std::move(page);
  next_ = 0;
  query_.after = page_.last;
  if (wanted_) *wanted_ -= static_cast<int64_t>(page_.events.size());
  return absl::OkStatus();
}

}  // namespace userclient::internal
