#include "tests/chaos/scenarios.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;

constexpr char kBrownOut[] = R"({"method": "*", "probability": 0.3, "status": "UNAVAILABLE", "message": "brown-out"})";
constexpr char kDown[] = R"({"method": "*", "status": "UNAVAILABLE", "message": "the database is gone"})";

std::vector<Scenario> MakeScenarios() {
  return {
      {.name = "killed",
       .about = "One of three pods is killed, and starts again after 5 s.",
       .steps = {At(3s, Kill(1)), At(8s, StartPod(1))},
       .lasting = 12s,
       .bars = {.p99 = 3}},

      {.name = "stopped",
       .about = "One of three pods stands still (SIGSTOP) for 7 s: its connections stay, and nothing is answered.",
       .steps = {At(3s, Freeze(1)), At(10s, Thaw(1))},
       .lasting = 13s,
       .bars = {.p99 = 3}},

      {.name = "black-holed",
       .about = "What one of three pods sends is lost for 7 s, without a word.",
       .steps = {At(3s, CutOff(1)), At(10s, Reconnect())},
       .lasting = 13s,
       .bars = {.p99 = 3},
       .needs = Needs::kPrivateNetwork},

      {.name = "slower",
       .about = "One of three pods takes 500 ms instead of 5 ms, for 7 s.",
       .steps = {At(3s, SlowDown(1, 500ms)), At(10s, SlowDown(1, 5ms))},
       .lasting = 13s,
       .bars = {.p99 = 3}},

      {.name = "all-stopped",
       .about = "Every pod stands still for 6 s; callers have 200 ms, and some of them wait in a thread. None waits for longer.",
       .callers = {{.calls_per_second = 100, .deadline = 200ms},
                   {.calls_per_second = 20, .deadline = 200ms, .blocking = true, .disturbing = true}},
       .steps = {At(2s, FreezeAll()), At(8s, ThawAll())},
       .lasting = 14s,
       .bars = {.success = {}, .recovery = 0.5}},

      {.name = "brown-out",
       .about = "Every pod answers 30 % of the calls with UNAVAILABLE, for 11 s.",
       .steps = {At(3s, DisturbAll("30 % UNAVAILABLE everywhere", kBrownOut)), At(14s, HealAll())},
       .lasting = 17s,
       .bars = {.success = 0.98}},

      {.name = "rolling-restart",
       .about = "Three pods are drained and restarted, one after the other.",
       .steps = {At(2s, Restart(1)), At(4s, Restart(2)), At(6s, Restart(3))},
       .lasting = 10s,
       .bars = {.p99 = 3}},

      {.name = "rolling-kill",
       .about = "Three pods are killed and replaced at once, one after the other.",
       .steps = {At(2s, Replace(1)), At(4s, Replace(2)), At(6s, Replace(3))},
       .lasting = 10s,
       .bars = {.p99 = 3}},

      // Names are looked up every 5 s, give or take a fifth.
      {.name = "scaling",
       .about =
           "Three more pods appear in DNS, and go again: two are drained as soon as they are out of it, one runs on for a while.",
       .fleet = {.spare_pods = 3, .dns = true},
       .steps = {At(2s, ScaleTo(6)), At(12s, ScaleToButForOne(3)), At(21s, ScaleTo(3))},
       .lasting = 24s,
       .bars = {.p99 = 3},
       .shares = {{.of = "the new pods", .pods = {4, 5, 6}, .from = 9'500ms, .to = 11'500ms, .at_least = 0.4},
                  {.of = "the pod that is out of DNS", .pods = {4}, .from = 19'500ms, .to = 20'500ms, .at_most = 0}},
       .shortest = 1},

      // After failures names are looked up after 1 s, 2 s, 4 s ...: the last wait is about as long as the name server was gone.
      {.name = "dns-dead",
       .about =
           "The name server is gone for 20 s; meanwhile a pod is killed and replaced at its address, and another one at a new "
           "address, which nobody can know before the name server is back.",
       .fleet = {.spare_pods = 1, .dns = true},
       .steps = {At(2s, KillNameServer()), At(6s, Replace(2)), At(10s, ReplaceElsewhere(1, 4)), At(22s, StartNameServer())},
       .lasting = 47s,
       .bars = {.p99 = 3},
       .shares = {{.of = "the pod replaced at its address", .pods = {2}, .from = 12s, .to = 21s, .at_least = 0.4},
                  {.of = "the new pod", .pods = {4}, .from = 12s, .to = 21s, .at_most = 0},
                  {.of = "the new pod", .pods = {4}, .from = 43s, .to = 46s, .at_least = 0.25}},
       .shortest = 1},

      {.name = "outage",
       .about = "The whole service, one pod that takes 333 calls a second, is killed at 90 % load and starts again after 10 s.",
       .fleet = {.pods = 1, .flags = {"--rate-limit", "333", "--rate-burst", "33"}},
       .callers = {{.calls_per_second = 300}},
       .steps = {At(2s, KillAll()), At(12s, StartAll())},
       .lasting = 36s,
       .bars = {.success = {}, .attempts = 1.2},
       .shortest = 1},

      {.name = "outage-answered",
       .about = "Every pod answers everything with UNAVAILABLE for 5 s, so that every attempt is one at the servers.",
       .steps = {At(2s, DisturbAll("UNAVAILABLE everywhere", kDown)), At(7s, HealAll())},
       .lasting = 20s,
       .bars = {.success = {}, .attempts = 1.2},
       .shortest = 1},

      {.name = "certificates",
       .about = "The authority changes under load; connections live 2 s. The stub reads its roots once, as it does.",
       .fleet = {.dns = true, .tls = true, .flags = {"--max-connection-age", "2s"}},
       .steps = {At(2s, TrustBothAuthorities()), At(5s, ShowNewCertificates()), At(8s, TrustNewAuthority())},
       .lasting = 12s,
       .shortest = 1},

      {.name = "few-streams",
       .about = "Servers take 10 streams on a connection and 50 ms for a call; 500 callers call at once, every second.",
       .fleet = {.work = 50ms, .flags = {"--max-streams", "10"}},
       .callers = {{.calls_per_second = 500, .at_once = 500}},
       .lasting = 8s},

      {.name = "resets",
       .about = "Every connection is reset after 5,000 bytes of answers, in the midst of one, for 6 s.",
       .fleet = {.proxies = true},
       .steps = {At(2s, ResetAfter(5'000)), At(8s, HealProxies())},
       .lasting = 11s},

      {.name = "packet-loss",
       .about = "10 % of the packets are lost, both ways, for 6 s.",
       .steps = {At(2s, LosePackets(0.1)), At(8s, LoseNoPackets())},
       .lasting = 11s,
       .needs = Needs::kPacketLoss},

      {.name = "slow-reader",
       .about = "A stream of 100,000 events is read at 10 a second through the same client.",
       .fleet = {.activity = 100'000},
       .companion = Companion::kSlowReader,
       .companion_at = 2s,
       .lasting = 8s,
       .bars = {.p99 = 3}},

      {.name = "creates",
       .about = "Users are created while the pods, on one store, are killed and replaced every second.",
       .fleet = {.durable = true},
       .callers = {{.rpc = Rpc::kCreateUser, .calls_per_second = 50}},
       .steps = {At(2s, Replace(1)), At(3s, Replace(2)), At(4s, Replace(3)), At(5s, Replace(1)), At(6s, Replace(2)),
                 At(7s, Replace(3)), At(8s, Replace(1)), At(9s, Replace(2))},
       .lasting = 11s},

      {.name = "watch",
       .about = "Users are watched while 50 a second are created, and the pods, on one store, are killed and replaced.",
       .fleet = {.durable = true},
       .callers = {{.calls_per_second = 50}},
       .companion = Companion::kWatch,
       .steps = {At(2s, Replace(1)), At(3s, Replace(2)), At(4s, Replace(3)), At(5s, Replace(1)), At(6s, Replace(2)),
                 At(7s, Replace(3))},
       .lasting = 10s},

      {.name = "impatient",
       .about = "Callers with 50 ms ask servers that take 60 ms; the others, who have time, must not suffer for it.",
       .fleet = {.work = 60ms},
       .callers = {{.calls_per_second = 50}, {.calls_per_second = 200, .deadline = 50ms, .disturbing = true}},
       .lasting = 8s},
  };
}

}  // namespace

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> kScenarios = MakeScenarios();
  return kScenarios;
}

}  // namespace userclient::chaos
