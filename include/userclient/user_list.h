#pragma once

#include <cstddef>
#include <functional>
#include <iterator>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"

namespace userclient {

/// Users from many pages as one range, fetched page by page as the loop gets there. See UserClient::ListAllUsers.
///
/// The loop ends after the last user or at the first page that fails; status() tells which. A list can be walked once.
/// *Not thread-safe.* Advancing blocks while a page is fetched.
class UserList {
 public:
  /// Fetches the page that a request asks for.
  using FetchPage = std::function<absl::StatusOr<user::v1::ListUsersResponse>(const user::v1::ListUsersRequest&)>;

  UserList(user::v1::ListUsersRequest first, FetchPage fetch) : request_(std::move(first)), fetch_(std::move(fetch)) {}

  class Iterator {
   public:
    using value_type = user::v1::User;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    const user::v1::User& operator*() const { return list_->page_.users(list_->position_); }
    const user::v1::User* operator->() const { return &**this; }
    Iterator& operator++() {
      list_->Advance();
      return *this;
    }
    void operator++(int) { list_->Advance(); }
    bool operator==(std::default_sentinel_t) const { return list_->AtEnd(); }

   private:
    friend class UserList;
    explicit Iterator(UserList* list) : list_(list) {}
    UserList* list_;
  };

  /// Fetches the first page.
  Iterator begin();
  static std::default_sentinel_t end() { return std::default_sentinel; }

  /// OK, or why the last page that was asked for could not be had.
  const absl::Status& status() const { return status_; }

  /// How many users the server had when it sent the latest page; 0 before the first and after a page that failed.
  int64_t total_count() const { return page_.total_count(); }

 private:
  void Advance();
  void Fetch();
  bool AtEnd() const { return position_ >= page_.users_size(); }

  user::v1::ListUsersRequest request_;
  FetchPage fetch_;
  user::v1::ListUsersResponse page_;
  int position_ = 0;
  bool begun_ = false;
  absl::Status status_;
};

}  // namespace userclient
