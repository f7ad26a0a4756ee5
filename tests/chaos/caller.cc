#include "tests/chaos/caller.h"

#include <cstdlib>

namespace userclient::chaos {

std::unique_ptr<Caller> MakeCaller(Way way, const Reach& reach, const std::string& service_config) {
  switch (way) {
    case Way::kPlain:
      return MakeStubCaller(reach, std::nullopt);
    case Way::kNative:
      return MakeStubCaller(reach, service_config);
    case Way::kUserclient:
      return MakeUserclientCaller(reach, service_config);
  }
  std::abort();
}

}  // namespace userclient::chaos
