#pragma once

/// Where the reference server keeps its users, what they did, and the feed of their changes.
///
///   std::shared_ptr<userclient::UserStore> store = userclient::MakeMemoryUserStore();
///   absl::StatusOr<std::shared_ptr<userclient::UserStore>> durable = userclient::OpenSqliteUserStore("users.db");

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"

namespace userclient {

/// A user to be created. The store does not judge the fields; the server has validated them.
struct NewUser {
  std::string email{};
  std::string display_name{};
  /// Empty: a repetition creates a second user, or fails because of the email.
  std::string idempotency_key{};
};

/// A stretch of the users in order of creation. Every user has a sequence number, higher than that of every user created before.
struct PageQuery {
  /// Only users with a higher sequence number.
  int64_t after = 0;
  /// Only users with this sequence number or a lower one. Absent: all there are now.
  std::optional<int64_t> until{};
  /// At most so many users; at least 1.
  int limit = 100;
};

struct UserPage {
  std::vector<user::v1::User> users{};
  /// Sequence number of the last of `users`; the query's `after` if there are none.
  int64_t last = 0;
  /// The bound that was applied: pass it on, and a walk ends whatever is created meanwhile.
  int64_t until = 0;
  /// There are further users up to `until`.
  bool more = false;
  /// Users in the store now.
  int64_t total_count = 0;
};

/// A stretch of what one user did, oldest first. The events of a user are numbered from 1, without gaps.
struct ActivityQuery {
  std::string user_id{};
  /// Only events with a higher number.
  int64_t after = 0;
  /// At most so many events; at least 1.
  int limit = 100;
};

struct ActivityPage {
  std::vector<user::v1::ActivityEvent> events{};
  /// Number of the last of `events`; the query's `after` if there are none.
  int64_t last = 0;
  /// There are further events now.
  bool more = false;
};

/// One entry of the feed.
struct UserChange {
  /// Higher than that of every change before.
  int64_t sequence = 0;
  user::v1::User user{};
  user::v1::UserChangeKind kind = user::v1::USER_CHANGE_KIND_UNSPECIFIED;
};

/// Keeps users. Thread-safe.
class UserStore {
 public:
  virtual ~UserStore() = default;

  /// *Errors:* NOT_FOUND.
  virtual absl::StatusOr<user::v1::User> Get(std::string_view user_id) = 0;

  /// *Errors:* OUT_OF_RANGE if the query speaks of a user that this store has never held: it was meant for another store.
  virtual absl::StatusOr<UserPage> List(const PageQuery& query) = 0;

  /// Returns the user once it is as durable as this store makes it. A known idempotency key with the same fields returns the user
  /// it created. *Errors:* FAILED_PRECONDITION for a known key with other fields, ALREADY_EXISTS if another user has this email.
  virtual absl::StatusOr<user::v1::User> Create(const NewUser& new_user) = 0;

  /// Creates many; for each, in their order, what `Create` would have returned. All that were created are durable when it
  /// returns. *Errors:* only if nobody was created, because the store could not be written.
  virtual absl::StatusOr<std::vector<absl::StatusOr<user::v1::User>>> CreateAll(std::span<const NewUser> new_users) = 0;

  /// *Errors:* NOT_FOUND for an unknown user, OUT_OF_RANGE if the query speaks of an event that the log does not have.
  virtual absl::StatusOr<ActivityPage> Activity(const ActivityQuery& query) = 0;

  /// Names the feed of changes: another for every store, the same for all that share a file, for as long as it exists.
  virtual uint64_t feed_id() const = 0;
  /// Sequence number of the last change; 0 if there was none. Cheap enough to be asked often.
  virtual absl::StatusOr<int64_t> LastChange() = 0;
  /// The first changes with a higher sequence number than `after`, at most `limit`, at least 1. A change that was returned once
  /// stays, and none appears before it later.
  virtual absl::StatusOr<std::vector<UserChange>> Changes(int64_t after, int limit) = 0;

  /// Adds users `u-<i>`, `user<i>@example.com`, until there are `count`, all or none. *Errors:* ALREADY_EXISTS if one of these
  /// emails is taken.
  virtual absl::Status Seed(int count) = 0;
  /// Adds events to the log of every user that there is, until each has `count` besides his creation. They are the same in every
  /// store.
  virtual absl::Status SeedActivity(int count) = 0;

  /// Whether an operation may wait for a disk, so that it must not run on a thread that serves others.
  virtual bool MayBlock() const = 0;
};

/// A store that forgets everything with the process.
std::shared_ptr<UserStore> MakeMemoryUserStore();

/// A store in one SQLite file, made if it does not exist. Several stores, also of several processes, may share the file. A
/// created user survives the death of the process and of the machine: the transaction that holds it and its idempotency key is on
/// the disk before `Create` returns. *Errors:* by name: not a database, not a user store, written by a newer version, not
/// writable, no such directory.
absl::StatusOr<std::shared_ptr<UserStore>> OpenSqliteUserStore(const std::filesystem::path& file);

}  // namespace userclient
