#pragma once

#include "userclient/server/user_store.h"

namespace userclient::testing {

/// A store with nobody in it that takes nobody. For stores that differ in one point.
class EmptyUserStore : public UserStore {
 public:
  absl::StatusOr<user::v1::User> Get(std::string_view) override { return absl::NotFoundError("nobody is here"); }
  absl::StatusOr<UserPage> List(const PageQuery&) override { return UserPage(); }
  absl::StatusOr<user::v1::User> Create(const NewUser&) override { return absl::UnimplementedError("takes nobody"); }
  absl::StatusOr<std::vector<absl::StatusOr<user::v1::User>>> CreateAll(std::span<const NewUser>) override {
    return absl::UnimplementedError("takes nobody");
  }
  absl::StatusOr<ActivityPage> Activity(const ActivityQuery&) override { return absl::NotFoundError("nobody is here"); }
  uint64_t feed_id() const override { return 1; }
  absl::StatusOr<int64_t> LastChange() override { return 0; }
  absl::StatusOr<std::vector<UserChange>> Changes(int64_t, int) override { return std::vector<UserChange>(); }
  absl::Status Seed(int) override { return absl::OkStatus(); }
  absl::Status SeedActivity(int) override { return absl::OkStatus(); }
  bool MayBlock() const override { return false; }
};

}  // namespace userclient::testing
