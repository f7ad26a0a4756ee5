#include "userclient/version.h"

namespace userclient {

std::string_view Version() { return USERCLIENT_VERSION_STRING; }

}  // namespace userclient
