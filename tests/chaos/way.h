#pragma once

#include <array>
#include <string_view>

namespace userclient::chaos {

/// How a service is called.
enum class Way {
  /// The generated stub on a channel with gRPC's own defaults: pick_first, no service config, no retries. Calls have a deadline,
  /// without which one to a server that hangs would never end.
  kPlain,
  /// The generated stub on a channel with the service config that userclient has, so that gRPC itself balances, ejects and
  /// retries. Its timeouts come from the ClientContext.
  kNative,
  kUserclient,
};

inline constexpr std::array kWays = {Way::kPlain, Way::kNative, Way::kUserclient};

/// "plain", "native", "userclient".
constexpr std::string_view WayName(Way way) {
  switch (way) {
    case Way::kPlain:
      return "plain";
    case Way::kNative:
      return "native";
    case Way::kUserclient:
      return "userclient";
  }
  return "?";
}

}  // namespace userclient::chaos
