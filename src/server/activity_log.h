#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "server/stored_user.h"
#include "user/v1/user_service.pb.h"

namespace userclient::internal {

// What the stores agree on: the events of a user are numbered from 1, without gaps, and the first is his creation. A seeded event
// is a function of its user and its number, so that a client can go on at another server that was seeded alike.

/// All ids are of one length, so that their order as texts is the order of the events.
inline std::string EventIdOf(int64_t number) { return absl::StrFormat("e-%010d", number); }

inline std::optional<int64_t> EventNumberOf(std::string_view event_id) {
  if (!event_id.starts_with("e-")) return std::nullopt;
  int64_t number = 0;
  const char* const end = event_id.data() + event_id.size();
  const auto [stopped, error] = std::from_chars(event_id.data() + 2, end, number);
  if (error != std::errc() || stopped != end || number < 1 || EventIdOf(number) != event_id) return std::nullopt;
  return number;
}

/// The event of this number in the log of the user with this sequence number.
inline user::v1::ActivityEvent EventOf(int64_t user_sequence, int64_t created_at_unix, int64_t number) {
  struct Deed {
    const char* action;
    const char* kind_of_resource;
  };
  static constexpr Deed kDeeds[] = {
      {"login", "session"}, {"view", "page"}, {"update", "document"}, {"download", "report"}, {"logout", "session"}};
  user::v1::ActivityEvent event;
  event.set_event_id(EventIdOf(number));
  if (number == 1) {
    event.set_action("created");
    event.set_resource("user/" + UserIdOf(user_sequence));
  } else {
    const Deed& deed = kDeeds[static_cast<size_t>((user_sequence + number) % std::ssize(kDeeds))];
    event.set_action(deed.action);
    event.set_resource(std::string(deed.kind_of_resource) + "/" + std::to_string(number - 1));
  }
  // One a minute.
  event.set_timestamp_unix(created_at_unix + (number - 1) * 60);
  return event;
}

inline absl::Status BeyondTheLog() { return absl::OutOfRangeError("the position lies beyond the last event of this user"); }
inline absl::Status BeyondTheFeed() { return absl::OutOfRangeError("the position lies beyond the last change of this store"); }

}  // namespace userclient::internal
