#include "userclient/user_list.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using user::v1::ListUsersRequest;
using user::v1::ListUsersResponse;

ListUsersResponse Page(const std::vector<std::string>& ids, const std::string& next) {
  ListUsersResponse page;
  for (const std::string& id : ids) page.add_users()->set_user_id(id);
  page.set_next_page_token(next);
  return page;
}

/// A server of pages by token; an unknown token is NOT_FOUND.
UserList ListOf(std::map<std::string, ListUsersResponse> pages) {
  return UserList({}, [pages = std::move(pages)](const ListUsersRequest& request) -> absl::StatusOr<ListUsersResponse> {
    const auto page = pages.find(request.page_token());
    if (page == pages.end()) return absl::NotFoundError(request.page_token());
    return page->second;
  });
}

std::vector<std::string> IdsOf(UserList& users) {
  std::vector<std::string> ids;
  for (const user::v1::User& user : users) ids.push_back(user.user_id());
  return ids;
}

TEST(UserListTest, WalksAllPages) {
  UserList users = ListOf({{"", Page({"a", "b"}, "2")}, {"2", Page({"c"}, "3")}, {"3", Page({"d", "e"}, "")}});

  EXPECT_EQ(IdsOf(users), (std::vector<std::string>{"a", "b", "c", "d", "e"}));
  EXPECT_TRUE(users.status().ok());
}

TEST(UserListTest, IsEmptyWhenThereAreNoUsers) {
  UserList users = ListOf({{"", Page({}, "")}});

  EXPECT_TRUE(IdsOf(users).empty());
  EXPECT_TRUE(users.status().ok());
}

TEST(UserListTest, GoesPastAnEmptyPage) {
  UserList users = ListOf({{"", Page({}, "2")}, {"2", Page({}, "3")}, {"3", Page({"a"}, "")}});

  EXPECT_EQ(IdsOf(users), (std::vector<std::string>{"a"}));
}

TEST(UserListTest, EndsAtAPageThatFailsAndSaysWhy) {
  UserList users = ListOf({{"", Page({"a"}, "lost")}});

  EXPECT_EQ(IdsOf(users), (std::vector<std::string>{"a"}));
  EXPECT_EQ(users.status().code(), absl::StatusCode::kNotFound);
}

TEST(UserListTest, SaysWhyTheFirstPageFailed) {
  UserList users = ListOf({});

  EXPECT_TRUE(IdsOf(users).empty());
  EXPECT_EQ(users.status().code(), absl::StatusCode::kNotFound);
}

TEST(UserListTest, DoesNotCircleOverAServerThatRepeatsItsToken) {
  UserList users = ListOf({{"", Page({"a"}, "2")}, {"2", Page({"b"}, "2")}});

  IdsOf(users);

  EXPECT_EQ(users.status().code(), absl::StatusCode::kInternal);
}

TEST(UserListTest, WalksARealServer) {
  absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 25});
  ASSERT_TRUE(server.ok()) << server.status();
  server->Script("ListUsers", {Ok(), Fail(absl::StatusCode::kUnavailable), Ok()});
  ListUsersRequest request;
  request.set_page_size(10);

  UserList users = ConnectTo(server->address()).ListAllUsers(request);
  const std::vector<std::string> ids = IdsOf(users);

  EXPECT_TRUE(users.status().ok()) << users.status();
  EXPECT_EQ(users.total_count(), 25);
  ASSERT_EQ(ids.size(), 25u);
  EXPECT_EQ(ids.front(), "u-1");
  EXPECT_EQ(ids.back(), "u-25");
  EXPECT_EQ(server->calls("ListUsers"), 3);
  EXPECT_EQ(server->attempts("ListUsers"), 4);
}

}  // namespace
}  // namespace userclient::testing
