#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace userclient::internal {

// What the stores agree on: a user's id is its sequence number with a prefix, and an outcome reads the same from each.

inline std::string UserIdOf(int64_t sequence) { return "u-" + std::to_string(sequence); }

inline std::optional<int64_t> SequenceOf(std::string_view user_id) {
  if (!user_id.starts_with("u-")) return std::nullopt;
  int64_t sequence = 0;
  const char* const end = user_id.data() + user_id.size();
  const auto [stopped, error] = std::from_chars(user_id.data() + 2, end, sequence);
  if (error != std::errc() || stopped != end || sequence < 1 || UserIdOf(sequence) != user_id) return std::nullopt;
  return sequence;
}

inline std::string SeedEmail(int64_t sequence) { return "user" + std::to_string(sequence) + "@example.com"; }
inline std::string SeedDisplayName(int64_t sequence) { return "User " + std::to_string(sequence); }
/// The same in every store, so that several servers with seeded stores look like one service.
inline int64_t SeedCreatedAt(int64_t sequence) { return 1'700'000'000 + sequence; }

inline int64_t NowUnix() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

inline absl::Status NoSuchUser() { return absl::NotFoundError("there is no user with this id"); }
inline absl::Status EmailTaken() { return absl::AlreadyExistsError("another user has this email"); }
inline absl::Status KeyUsedForOther() {
  return absl::FailedPreconditionError("this idempotency_key was used for another request; make a new one for each create");
}
inline absl::Status ForeignPage() { return absl::OutOfRangeError("the page lies beyond the last user of this store"); }

}  // namespace userclient::internal
