#pragma once

/// Where the reference server keeps its users.
///
///   std::shared_ptr<userclient::UserStore> store = userclient::MakeMemoryUserStore();
///   absl::StatusOr<std::shared_ptr<userclient::UserStore>> durable = userclient::OpenSqliteUserStore("users.db");

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
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

  /// Adds users `u-<i>`, `user<i>@example.com`, until there are `count`, all or none. *Errors:* ALREADY_EXISTS if one of these
  /// emails is taken.
  virtual absl::Status Seed(int count) = 0;

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
