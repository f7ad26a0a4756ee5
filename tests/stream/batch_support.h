#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "user/v1/user_service.pb.h"
#include "userclient/server/user_store.h"

namespace userclient::testing {

inline user::v1::CreateUserRequest NewUserNumber(int64_t number) {
  user::v1::CreateUserRequest request;
  request.set_email(absl::StrCat("new", number, "@example.com"));
  request.set_display_name(absl::StrCat("New ", number));
  return request;
}

/// NewUserNumber of 0 to `count` - 1.
inline std::vector<user::v1::CreateUserRequest> NewUsers(int64_t count) {
  std::vector<user::v1::CreateUserRequest> requests;
  for (int64_t number = 0; number < count; ++number) requests.push_back(NewUserNumber(number));
  return requests;
}

/// The users that a function makes of the numbers from `first` to before `last`, as a range that can be read once.
class MadeUsers {
 public:
  using Make = std::function<user::v1::CreateUserRequest(int64_t number)>;

  MadeUsers(int64_t first, int64_t last, Make make = NewUserNumber) : next_(first), last_(last), make_(std::move(make)) {}

  class Iterator {
   public:
    using value_type = user::v1::CreateUserRequest;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    user::v1::CreateUserRequest operator*() const { return users_->make_(users_->next_); }
    Iterator& operator++() {
      ++users_->next_;
      return *this;
    }
    void operator++(int) { ++users_->next_; }
    bool operator==(std::default_sentinel_t) const { return users_->next_ >= users_->last_; }

   private:
    friend class MadeUsers;
    explicit Iterator(MadeUsers* users) : users_(users) {}
    MadeUsers* users_;
  };

  Iterator begin() { return Iterator(this); }
  static std::default_sentinel_t end() { return std::default_sentinel; }

 private:
  int64_t next_;
  const int64_t last_;
  const Make make_;
};

/// How many users a store holds.
inline int64_t CountUsers(UserStore& store) {
  const absl::StatusOr<UserPage> page = store.List({.limit = 1});
  return page.ok() ? page->total_count : -1;
}

/// Of all users, in order of creation.
inline std::vector<std::string> Emails(UserStore& store) {
  std::vector<std::string> emails;
  const absl::StatusOr<UserPage> page = store.List({.limit = 1'000'000});
  if (!page.ok()) return emails;
  for (const user::v1::User& user : page->users) emails.emplace_back(user.email());
  return emails;
}

}  // namespace userclient::testing
