#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "answer.h"
#include "user/v1/user_service.pb.h"

namespace profile_service {

/// What is answered about a user: who it is, and what it did of late.
struct Profile {
  user::v1::GetUserResponse user{};
  /// The last few, newest first.
  std::deque<user::v1::ActivityEvent> recent{};
  int64_t activities = 0;
};

/// How many events a profile shows.
inline constexpr std::size_t kRecentEvents = 5;

Json ToJson(const Profile& profile);
Json ToJson(const user::v1::User& user);

}  // namespace profile_service
