#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "profile.h"

namespace profile_service {

/// The profiles that were answered last, to be answered again while the user service is down. *Thread-safe.*
class ProfileMemory {
 public:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    Profile profile{};
    std::chrono::nanoseconds age{};
  };

  /// Nothing older than `max_age` is given; zero remembers nothing.
  explicit ProfileMemory(std::chrono::nanoseconds max_age, std::size_t max_profiles = 10'000)
      : max_age_(max_age), max_profiles_(max_profiles) {}

  void Remember(const std::string& user_id, const Profile& profile, Clock::time_point now = Clock::now());
  /// For a user that is gone.
  void Forget(const std::string& user_id);
  std::optional<Entry> Find(const std::string& user_id, Clock::time_point now = Clock::now()) const;

 private:
  struct Kept {
    std::string user_id;
    Profile profile;
    Clock::time_point since;
  };

  const std::chrono::nanoseconds max_age_;
  const std::size_t max_profiles_;
  mutable std::mutex mutex_;
  /// Oldest answer first.
  std::list<Kept> kept_;
  std::map<std::string, std::list<Kept>::iterator> by_user_;
};

}  // namespace profile_service
