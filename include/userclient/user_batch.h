#pragma once

/// Creating many users: UserClient::BatchCreateUsers.
///
///   absl::StatusOr<userclient::BatchResult> result = client->BatchCreateUsers(users);      // any range of CreateUserRequest
///   for (const userclient::BatchItem& item : result->failures) std::cerr << item.position << ": " << item.user.status() << '\n';
///
/// The range is taken a chunk at a time, and each chunk is one call with a deadline and with retries of its own, so there is
/// never more than a chunk in memory. Every item has an idempotency key: however often a chunk is sent, each user is created
/// once.
///
/// A chunk that fails for good ends the batch with its error, which tells how far the batch came and what it takes to go on:
///
///   if (std::optional<userclient::BatchPosition> stopped = userclient::BatchPositionOf(result.status())) {
///     result = client->BatchCreateUsers(users | std::views::drop(stopped->next),
///                                       {.key_prefix = stopped->key_prefix, .first_position = stopped->next});
///   }

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"

namespace userclient {

/// What became of one item.
struct BatchItem {
  /// In the whole range, counted from BatchOptions::first_position.
  int64_t position = 0;
  /// The one that it was sent with.
  std::string idempotency_key{};
  /// Or why it was not created: code and message of the server's.
  absl::StatusOr<user::v1::User> user{};
};

/// How far a batch has come.
struct BatchPosition {
  /// What came before this position is settled: created, or refused by the server. To go on, go on here.
  int64_t next = 0;
  /// What came before this one may have been sent: whether the items from `next` to here were created is not known.
  int64_t sent = 0;
  /// Of the settled ones, since the batch began.
  int64_t created = 0;
  int64_t failed = 0;
  /// What the keys were made with. Whoever goes on with the same one sends the same keys, and creates no user twice.
  std::string key_prefix{};

  friend bool operator==(const BatchPosition&, const BatchPosition&) = default;
};

struct BatchOptions {
  /// Items sent by one call, 1 to 1000. A chunk is what is sent again after a failure, and what a deadline is for.
  int chunk_size = 500;

  /// An item without an idempotency_key is sent with this prefix and its position. At most 108 bytes. Empty: a random one, of
  /// this batch alone. Give one that names what is being imported to be able to do all of it again, after a crash too.
  std::string key_prefix{};

  /// Of the first item of the range; not negative. For a batch that goes on where another stopped.
  int64_t first_position = 0;

  /// Takes what became of each item, in the order of the range, when its chunk is settled. Without it the result collects users
  /// and failures, and grows with the range.
  std::function<void(const BatchItem&)> on_item{};

  /// Called when a chunk is settled, after on_item. To stop there, request CallOptions::stop.
  std::function<void(const BatchPosition&)> on_progress{};
};

/// A batch that was sent to its end.
struct BatchResult {
  int64_t created = 0;
  int64_t failed = 0;
  /// The users created, in the order of the range. Empty if there was an on_item.
  std::vector<user::v1::User> users{};
  /// The items that the server refused, in the order of the range. Empty if there was an on_item.
  std::vector<BatchItem> failures{};
};

/// How far the batch came that ended with this error; nullopt if no item was taken from the range, or for any other status.
std::optional<BatchPosition> BatchPositionOf(const absl::Status& status);

}  // namespace userclient
