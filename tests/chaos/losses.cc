#include "tests/chaos/losses.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace userclient::chaos {
namespace {

/// What Load has created, not what the server began with.
std::vector<user::v1::User> CreatedUsers(UserStore& store) {
  std::vector<user::v1::User> created;
  PageQuery query{.limit = 1'000};
  for (UserPage page{.more = true}; page.more; query.after = page.last) {
    absl::StatusOr<UserPage> next = store.List(query);
    if (!next.ok()) {
      std::fprintf(stderr, "chaos: the store cannot be read: %s\n", std::string(next.status().message()).c_str());
      std::exit(1);
    }
    page = *std::move(next);
    for (const user::v1::User& user : page.users) {
      if (user.display_name().starts_with("Chaos ")) created.push_back(user);
    }
  }
  return created;
}

}  // namespace

Losses CompareWithStore(const Creations& creations, UserStore& store) {
  std::map<std::string, std::string> stored;
  std::map<std::string, int> times_stored;
  for (const user::v1::User& user : CreatedUsers(store)) {
    stored.emplace(std::string(user.email()), std::string(user.user_id()));
    ++times_stored[std::string(user.display_name())];
  }
  Losses losses{.asked = creations.asked, .expected = std::ssize(creations.acknowledged), .doubled = creations.already_there};
  for (const auto& [email, user_id] : creations.acknowledged) {
    const auto found = stored.find(email);
    if (found == stored.end() || found->second != user_id) ++losses.lost;
  }
  for (const auto& [name, times] : times_stored) losses.doubled += times - 1;
  losses.created_unknown = std::ssize(times_stored) - std::ssize(creations.acknowledged) + losses.lost;
  return losses;
}

}  // namespace userclient::chaos
