#include "tests/chaos/open_store.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace userclient::chaos {

std::shared_ptr<UserStore> OpenStore(const std::string& file) {
  absl::StatusOr<std::shared_ptr<UserStore>> store = OpenSqliteUserStore(file);
  if (store.ok()) return *std::move(store);
  std::fprintf(stderr, "chaos: the store cannot be opened: %s\n", std::string(store.status().message()).c_str());
  std::exit(1);
}

}  // namespace userclient::chaos
