#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "tests/chaos/fleet.h"

namespace userclient::chaos {

/// Something that is done to the servers, or to what leads to them.
struct Step {
  /// Since the beginning.
  std::chrono::milliseconds at{};
  /// "kill pod 1"
  std::string what{};
  std::function<void(Fleet&)> act{};
};

/// At(3s, Kill(1))
Step At(std::chrono::milliseconds at, Step step);

Step Kill(int pod);
Step KillAll();
/// New processes for all that are gone.
Step StartAll();
Step StartPod(int pod);
/// Asked to end, waited for, started again.
Step Restart(int pod);
/// Killed and started again.
Step Replace(int pod);
/// Killed; another one is started, at another address, which the name means from then on.
Step ReplaceElsewhere(int pod, int other);
Step Freeze(int pod);
Step Thaw(int pod);
Step FreezeAll();
Step ThawAll();
/// In a private network.
Step CutOff(int pod);
Step Reconnect();
Step SlowDown(int pod, std::chrono::milliseconds work);
/// Faults of all pods, as Fleet::Disturb takes them; `what` says them.
Step DisturbAll(std::string what, std::string_view entries);
Step HealAll();
/// So many pods run, and the name says so.
Step ScaleTo(int pods);
/// The same, but the first of those that are out of the name runs on.
Step ScaleToButForOne(int pods);
Step KillNameServer();
Step StartNameServer();
/// In a private network with iptables.
Step LosePackets(double share);
Step LoseNoPackets();
/// Of fleets with proxies: connections are reset when so many bytes have come from the server.
Step ResetAfter(int64_t bytes);
Step HealProxies();
/// Of fleets with TLS.
Step TrustBothAuthorities();
Step ShowNewCertificates();
Step TrustNewAuthority();

}  // namespace userclient::chaos
