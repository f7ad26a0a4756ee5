#include "tests/chaos/steps.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/sick/private_network.h"

namespace userclient::chaos {
namespace {

Step ForPod(std::string_view what, int pod, std::function<void(Fleet&, int)> act) {
  return {.what = absl::StrCat(std::string(what), " pod ", pod),
          .act = [pod, act = std::move(act)](Fleet& fleet) { act(fleet, pod); }};
}

Step ForAll(std::string what, std::function<void(Fleet&, int)> act) {
  return {.what = std::move(what), .act = [act = std::move(act)](Fleet& fleet) {
            for (int pod = 1; pod <= fleet.size(); ++pod) act(fleet, pod);
          }};
}

}  // namespace

Step At(std::chrono::milliseconds at, Step step) {
  step.at = at;
  return step;
}

Step Kill(int pod) {
  return ForPod("kill", pod, [](Fleet& fleet, int number) { fleet.pod(number).Kill(); });
}

Step KillAll() {
  return ForAll("kill every pod", [](Fleet& fleet, int number) { fleet.pod(number).Kill(); });
}

Step StartAll() {
  return {.what = "start every pod", .act = [](Fleet& fleet) { fleet.Run(fleet.size()); }};
}

Step StartPod(int pod) {
  return ForPod("start", pod, [](Fleet& fleet, int number) { fleet.pod(number).Start(); });
}

Step Restart(int pod) {
  return ForPod("drain and restart", pod, [](Fleet& fleet, int number) {
    fleet.pod(number).BeginDrain();
    fleet.pod(number).EndDrain();
    fleet.pod(number).Start();
  });
}

Step Replace(int pod) {
  return ForPod("kill and replace", pod, [](Fleet& fleet, int number) {
    fleet.pod(number).Kill();
    fleet.pod(number).Start();
  });
}

Step ReplaceElsewhere(int pod, int other) {
  return {.what = absl::StrCat("kill pod ", pod, ", start pod ", other, " in its place"), .act = [pod, other](Fleet& fleet) {
            fleet.pod(pod).Kill();
            fleet.pod(other).Start();
            fleet.AnnounceRunning();
          }};
}

Step Freeze(int pod) {
  return ForPod("SIGSTOP", pod, [](Fleet& fleet, int number) { fleet.pod(number).Freeze(); });
}

Step Thaw(int pod) {
  return ForPod("SIGCONT", pod, [](Fleet& fleet, int number) { fleet.pod(number).Thaw(); });
}

Step FreezeAll() {
  return ForAll("SIGSTOP every pod", [](Fleet& fleet, int number) { fleet.pod(number).Freeze(); });
}

Step ThawAll() {
  return ForAll("SIGCONT every pod", [](Fleet& fleet, int number) { fleet.pod(number).Thaw(); });
}

Step CutOff(int pod) {
  return ForPod("lose all packets of", pod, [](Fleet& fleet, int number) { fleet.CutOff(number); });
}

Step Reconnect() {
  return {.what = "lose no packets", .act = [](Fleet& fleet) { fleet.Reconnect(); }};
}

Step SlowDown(int pod, std::chrono::milliseconds work) {
  return ForPod(absl::StrCat(work.count(), " ms of work for"), pod,
                [work](Fleet& fleet, int number) { fleet.SetWork(number, work); });
}

Step DisturbAll(std::string what, std::string_view entries) {
  return ForAll(std::move(what), [faults = std::string(entries)](Fleet& fleet, int number) { fleet.Disturb(number, faults); });
}

Step HealAll() {
  return ForAll("heal every pod", [](Fleet& fleet, int number) { fleet.Disturb(number, ""); });
}

Step ScaleTo(int pods) {
  return {.what = absl::StrCat("scale to ", pods, " pods"), .act = [pods](Fleet& fleet) {
            int running = 0;
            for (int number = 1; number <= fleet.size(); ++number) running += fleet.pod(number).running() ? 1 : 0;
            // A pod is in the name after it takes calls, and out of it before it takes none.
            if (pods > running) {
              fleet.Run(pods);
              fleet.Announce(pods);
            } else {
              fleet.Announce(pods);
              fleet.Run(pods);
            }
          }};
}

Step ScaleToButForOne(int pods) {
  return {.what = absl::StrCat("scale to ", pods, " pods, but pod ", pods + 1, " runs on"), .act = [pods](Fleet& fleet) {
            fleet.Announce(pods);
            fleet.Run(pods + 1);
          }};
}

Step KillNameServer() {
  return {.what = "kill the name server", .act = [](Fleet& fleet) { fleet.name_server().Die(); }};
}

Step StartNameServer() {
  return {.what = "start the name server", .act = [](Fleet& fleet) { fleet.name_server().Return(); }};
}

Step LosePackets(double share) {
  return {.what = absl::StrFormat("lose %.0f %% of the packets", 100 * share),
          .act = [share](Fleet& fleet) { testing::LosePackets(fleet.port(), share); }};
}

Step LoseNoPackets() {
  return {.what = "lose no packets", .act = [](Fleet&) { testing::LoseNoPackets(); }};
}

Step ResetAfter(int64_t bytes) {
  return ForAll(absl::StrCat("reset every connection after ", bytes, " bytes of answers"),
                [bytes](Fleet& fleet, int number) { fleet.proxy(number).Set({.to_client = {.cut_after = bytes}}); });
}

Step HealProxies() {
  return ForAll("reset none", [](Fleet& fleet, int number) { fleet.proxy(number).Heal(); });
}

Step TrustBothAuthorities() {
  return {.what = "clients: trust both authorities", .act = [](Fleet& fleet) { fleet.certificates().TrustBoth(); }};
}

Step ShowNewCertificates() {
  return {.what = "servers: certificates of the new one", .act = [](Fleet& fleet) { fleet.certificates().ShowNew(); }};
}

Step TrustNewAuthority() {
  return {.what = "clients: trust the new one only", .act = [](Fleet& fleet) { fleet.certificates().TrustNew(); }};
}

}  // namespace userclient::chaos
