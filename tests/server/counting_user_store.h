#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "userclient/server/user_store.h"

namespace userclient::testing {

/// Another store, and how much was read from it.
class CountingUserStore final : public UserStore {
 public:
  explicit CountingUserStore(std::shared_ptr<UserStore> store) : store_(std::move(store)) {}

  std::atomic<int64_t> events_read{0};
  std::atomic<int64_t> changes_read{0};
  std::atomic<int64_t> users_read{0};

  absl::StatusOr<user::v1::User> Get(std::string_view user_id) override {
    ++users_read;
    return store_->Get(user_id);
  }
  absl::StatusOr<UserPage> List(const PageQuery& query) override { return store_->List(query); }
  absl::StatusOr<user::v1::User> Create(const NewUser& new_user) override { return store_->Create(new_user); }
  absl::StatusOr<std::vector<absl::StatusOr<user::v1::User>>> CreateAll(std::span<const NewUser> new_users) override {
    return store_->CreateAll(new_users);
  }
  absl::StatusOr<ActivityPage> Activity(const ActivityQuery& query) override {
    absl::StatusOr<ActivityPage> page = store_->Activity(query);
    if (page.ok()) events_read += static_cast<int64_t>(page->events.size());
    return page;
  }
  uint64_t feed_id() const override { return store_->feed_id(); }
  absl::StatusOr<int64_t> LastChange() override { return store_->LastChange(); }
  absl::StatusOr<std::vector<UserChange>> Changes(int64_t after, int limit) override {
    absl::StatusOr<std::vector<UserChange>> changes = store_->Changes(after, limit);
    if (changes.ok()) changes_read += static_cast<int64_t>(changes->size());
    return changes;
  }
  absl::Status Seed(int count) override { return store_->Seed(count); }
  absl::Status SeedActivity(int count) override { return store_->SeedActivity(count); }
  bool MayBlock() const override { return store_->MayBlock(); }

 private:
  const std::shared_ptr<UserStore> store_;
};

}  // namespace userclient::testing
