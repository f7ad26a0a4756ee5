// How long a sick pod hurts, in numbers: real servers on loopback, one of which becomes sick in the midst of an even load. Prints
// a table; docs/sick_servers.md has one. Not a test: how fast a shared machine is proves nothing.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "tests/sick/load.h"
#include "tests/sick/pods.h"
#include "tests/sick/private_network.h"
#include "tests/sick/sickness.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;

/// Healthy pods answer after 5 ms.
constexpr auto kSlow = 100ms;
constexpr auto kHealthyFor = 3s;

struct Flags {
  std::vector<std::string> configs;
  std::vector<Sickness> sicknesses;
  int pods = 3;
  int calls_per_second = 200;
  int seconds = 30;
  bool timeline = false;
};

double Seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }
double Milliseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

UserClient Connect(const std::string& target, const std::string& config) {
  absl::StatusOr<UserClient> client = UserClient::Create(
      {.target = target, .credentials = Credentials::Insecure(), .service_config_file = std::filesystem::path(config)});
  if (client.ok()) return *std::move(client);
  absl::FPrintF(stderr, "sick_pods: %s\n", std::string(client.status().message()));
  std::exit(1);
}

void PrintTimeline(const Outcomes& outcomes, int seconds) {
  for (int second = 0; second < seconds; ++second) {
    const Outcomes calls = outcomes.Between(second * 1s, (second + 1) * 1s);
    if (calls.Failed() == 0 && calls.Slow(kSlow) == 0) continue;
    absl::PrintF("    second %3d: %4d calls, %4d failed, %4d slow, %.2f attempts a call\n", second, calls.count(), calls.Failed(),
                 calls.Slow(kSlow), calls.AttemptsPerCall());
  }
}

void Measure(const Flags& flags, const std::string& config, Sickness sickness) {
  Pods pods(flags.pods);
  for (int i = 0; i < flags.pods; ++i) MakeHealthy(pods[static_cast<size_t>(i)]);
  const UserClient client = Connect(pods.target(), config);
  const Outcomes all = RunLoad(client, {.calls_per_second = flags.calls_per_second,
                                        .lasting = kHealthyFor + flags.seconds * 1s,
                                        .event_at = kHealthyFor,
                                        .event = [&] { MakeSick(pods[1], sickness); }});
  if (sickness == Sickness::kBlackHole) LoseNothingFrom(pods[1].host());
  const Outcomes calls = all.From(0s);
  absl::PrintF("%-28s %-12s %6d %6d %6d %8.0f %8.0f %9.1f %8.3f\n", std::filesystem::path(config).filename().string(),
               std::string(SicknessName(sickness)), calls.count(), calls.Failed(), calls.Slow(kSlow),
               Milliseconds(calls.Percentile(0.99)), Milliseconds(calls.Percentile(1)), Seconds(calls.LastTrouble(kSlow)),
               calls.AttemptsPerCall());
  if (flags.timeline) PrintTimeline(calls, flags.seconds);
  std::fflush(stdout);
}

int Run(const Flags& flags) {
  if (std::count(flags.sicknesses.begin(), flags.sicknesses.end(), Sickness::kBlackHole) > 0) {
    if (const std::optional<std::string> obstacle = EnterPrivateNetwork()) {
      absl::FPrintF(stderr, "sick_pods: a black hole needs a private network: %s\n", *obstacle);
      return 1;
    }
  }
  absl::PrintF("one of %d pods becomes sick for %d s; %d calls a second; slow: more than %.0f ms\n\n", flags.pods, flags.seconds,
               flags.calls_per_second, Milliseconds(kSlow));
  absl::PrintF("%-28s %-12s %6s %6s %6s %8s %8s %9s %8s\n", "config", "sickness", "calls", "failed", "slow", "p99 ms", "worst ms",
               "last at s", "attempts");
  for (const Sickness sickness : flags.sicknesses) {
    for (const std::string& config : flags.configs) Measure(flags, config, sickness);
  }
  return 0;
}

}  // namespace
}  // namespace userclient::testing

int main(int argc, char** argv) {
  using userclient::testing::Sickness;
  CLI::App app("What one sick pod of several costs the calls of a client.", "sick_pods");
  userclient::testing::Flags flags;
  std::map<std::string, Sickness> names;
  for (const Sickness sickness : userclient::testing::kSicknesses) {
    names.emplace(userclient::testing::SicknessName(sickness), sickness);
    flags.sicknesses.push_back(sickness);
  }
  app.add_option("--sickness", flags.sicknesses, "what is wrong with the pod; all unless given")
      ->transform(CLI::CheckedTransformer(names));
  app.add_option("--pods", flags.pods, "pods, all but one of them healthy")->check(CLI::Range(2, 200))->capture_default_str();
  app.add_option("--rate", flags.calls_per_second, "calls a second")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--seconds", flags.seconds, "how long it is sick")->check(CLI::Range(1, 3600))->capture_default_str();
  app.add_flag("--timeline", flags.timeline, "also every second in which a call failed or was slow");
  app.add_option("config", flags.configs, "service configs to compare")->required()->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);
  return userclient::testing::Run(flags);
}
