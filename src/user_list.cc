#include "userclient/user_list.h"

#include <utility>

#include "absl/status/status.h"

namespace userclient {

UserList::Iterator UserList::begin() {
  if (!begun_) {
    begun_ = true;
    Fetch();
  }
  return Iterator(this);
}

void UserList::Advance() {
  ++position_;
  if (AtEnd() && status_.ok() && !page_.next_page_token().empty()) {
    request_.set_page_token(page_.next_page_token());
    Fetch();
  }
}

void UserList::Fetch() {
  // A page may be empty and yet have a successor; but not for ever, and none may be its own.
  constexpr int kMostEmptyPages = 1000;
  for (int empty_pages = 0; empty_pages < kMostEmptyPages; ++empty_pages) {
    absl::StatusOr<user::v1::ListUsersResponse> page = fetch_(request_);
    position_ = 0;
    if (!page.ok()) {
      page_.Clear();
      status_ = page.status();
      return;
    }
    page_ = *std::move(page);
    if (page_.next_page_token().empty()) return;
    if (page_.next_page_token() == request_.page_token()) {
      page_.Clear();
      status_ = absl::InternalError("ListUsers: the server answered a page_token with the same token; the list would never end");
      return;
    }
    if (page_.users_size() > 0) return;
    request_.set_page_token(page_.next_page_token());
  }
  page_.Clear();
  status_ = absl::InternalError("ListUsers: the server sent a thousand empty pages in a row, each with a successor");
}

}  // namespace userclient
