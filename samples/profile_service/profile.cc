#include "profile.h"

namespace profile_service {

Json ToJson(const Profile& profile) {
  Json recent = Json::array();
  for (const user::v1::ActivityEvent& event : profile.recent) {
    recent.push_back({{"event_id", event.event_id()},
                      {"action", event.action()},
                      {"resource", event.resource()},
                      {"timestamp_unix", event.timestamp_unix()}});
  }
  return {{"user_id", profile.user.user_id()},
          {"email", profile.user.email()},
          {"display_name", profile.user.display_name()},
          {"created_at_unix", profile.user.created_at_unix()},
          {"activities", profile.activities},
          {"last_active_at_unix", profile.recent.empty() ? Json(nullptr) : Json(profile.recent.front().timestamp_unix())},
          {"recent_activity", std::move(recent)}};
}

Json ToJson(const user::v1::User& user) {
  return {{"user_id", user.user_id()},
          {"email", user.email()},
          {"display_name", user.display_name()},
          {"created_at_unix", user.created_at_unix()}};
}

}  // namespace profile_service
