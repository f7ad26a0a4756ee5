#include "tests/sick/sickness.h"

#include "tests/sick/private_network.h"

namespace userclient::testing {

std::string_view SicknessName(Sickness sickness) {
  switch (sickness) {
    case Sickness::kHangs:
      return "hangs";
    case Sickness::kBlackHole:
      return "black-hole";
    case Sickness::kRefuses:
      return "refuses";
    case Sickness::kSlow:
      return "slow";
    case Sickness::kUnavailable:
      return "unavailable";
  }
  return "?";
}

void MakeHealthy(Pod& pod) { pod.SetFaults(R"({"faults": [{"method": "GetUser", "delay": "0.005s"}]})"); }

void MakeSick(Pod& pod, Sickness sickness) {
  switch (sickness) {
    case Sickness::kHangs:
      return pod.Freeze();
    case Sickness::kBlackHole:
      return LoseWhatComesFrom(pod.host());
    case Sickness::kRefuses:
      return pod.Kill();
    case Sickness::kSlow:
      return pod.SetFaults(R"({"faults": [{"method": "GetUser", "delay": "0.5s"}]})");
    case Sickness::kUnavailable:
      return pod.SetFaults(R"({"faults": [{"method": "GetUser", "status": "UNAVAILABLE", "message": "sick"}]})");
  }
}

}  // namespace userclient::testing
