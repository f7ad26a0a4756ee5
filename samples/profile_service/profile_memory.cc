#include "profile_memory.h"

namespace profile_service {

void ProfileMemory::Remember(const std::string& user_id, const Profile& profile, Clock::time_point now) {
  if (max_age_ <= std::chrono::nanoseconds::zero()) return;
  const std::lock_guard lock(mutex_);
  if (const auto found = by_user_.find(user_id); found != by_user_.end()) kept_.erase(found->second);
  kept_.push_back({.user_id = user_id, .profile = profile, .since = now});
  by_user_[user_id] = std::prev(kept_.end());
  while (kept_.size() > max_profiles_) {
    by_user_.erase(kept_.front().user_id);
    kept_.pop_front();
  }
}

void ProfileMemory::Forget(const std::string& user_id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_user_.find(user_id);
  if (found == by_user_.end()) return;
  kept_.erase(found->second);
  by_user_.erase(found);
}

std::optional<ProfileMemory::Entry> ProfileMemory::Find(const std::string& user_id, Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_user_.find(user_id);
  if (found == by_user_.end() || now - found->second->since > max_age_) return std::nullopt;
  return Entry{.profile = found->second->profile, .age = now - found->second->since};
}

}  // namespace profile_service
