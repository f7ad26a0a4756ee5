#pragma once

#include <memory>
#include <string>

#include "userclient/server/user_store.h"

namespace userclient::chaos {

/// The store of durable pods. Ends the program if it cannot be opened.
std::shared_ptr<UserStore> OpenStore(const std::string& file);

}  // namespace userclient::chaos
