// Every way in which a service can fail, played to three clients of it: the plain stub, the stub with the same service config,
// and userclient. docs/chaos.md says how to read it. Exit status: 0 if userclient met its bars, 1 if it did not, 2 for wrong
// usage, 77 if everything that was asked for had to be skipped.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/chaos/documents.h"
#include "tests/chaos/report.h"
#include "tests/chaos/run.h"
#include "tests/chaos/scenarios.h"
#include "tests/chaos/verdict.h"
#include "tests/sick/private_network.h"
#include "tests/support/dnsmasq.h"

namespace userclient::chaos {
namespace {

constexpr int kMissed = 1;
constexpr int kSkipped = 77;
/// Of a test: there is a second after the fault, and a while more.
constexpr double kShortScale = 0.3;
/// A test that missed a bar on a machine that stood still for so long is played again: the times of the script, of the attempts
/// and of the breaker are no longer than a few of those. What the client does wrong, it does the next time too.
constexpr std::chrono::milliseconds kStoodStill(100);
constexpr int kMostPlays = 3;

struct Flags {
  std::vector<std::string> only;
  std::vector<Way> ways{kWays.begin(), kWays.end()};
  std::string config = SERVICE_CONFIGS "/production.json";
  double scale = 1;
  bool short_form = false;
  bool list = false;
  bool write = false;
};

/// What the machine lacks.
struct Obstacles {
  std::optional<std::string> private_network{};
  std::optional<std::string> packet_loss{};
};

std::optional<std::string> WhyNot(const Scenario& scenario, const Obstacles& obstacles, double scale) {
  if (scale < scenario.shortest) {
    return absl::StrFormat("has times that cannot be scaled: play it in %g of its time or more", scenario.shortest);
  }
  if (scenario.fleet.dns && !testing::Dnsmasq::Installed()) return "dnsmasq is not installed";
  switch (scenario.needs) {
    case Needs::kNothing:
      return std::nullopt;
    case Needs::kPrivateNetwork:
      return obstacles.private_network;
    case Needs::kPacketLoss:
      return obstacles.private_network ? obstacles.private_network : obstacles.packet_loss;
  }
  return std::nullopt;
}

void List() {
  for (const Scenario& scenario : Scenarios()) {
    absl::PrintF("%-16s %s\n%-16s (%s)\n", scenario.name, scenario.about, "", ScriptText(scenario));
  }
}

bool Wanted(const Flags& flags, const Scenario& scenario) {
  return flags.only.empty() || std::find(flags.only.begin(), flags.only.end(), scenario.name) != flags.only.end();
}

absl::Status Keep(const Flags& flags, const std::vector<Result>& results) {
  // Tests run at the same time, and would write over one another.
  if (flags.short_form) return absl::OkStatus();
  absl::Status kept = WriteResults(RESULTS, results);
  if (flags.write) kept.Update(WriteDocuments(DOCUMENTS, results));
  return kept;
}

Result PlayAndJudge(const Scenario& scenario, Way way, const std::string& config, bool short_form) {
  Result result{.scenario = scenario, .way = way};
  result.measures = Play(result.scenario, way, config);
  if (way == Way::kUserclient) {
    result.missed = MissedBars(result.scenario, result.measures, short_form ? Strictness::kNoTimes : Strictness::kFull);
  }
  return result;
}

/// Whether what was missed may be the machine's doing. What was lost or done twice never is.
bool IsTheMachines(const Result& result) {
  const Losses& losses = result.measures.losses;
  return !result.missed.empty() && result.measures.stall >= kStoodStill && losses.lost == 0 && losses.doubled == 0;
}

int Run(const Flags& flags) {
  // Before there is any other thread.
  Obstacles obstacles{.private_network = testing::EnterPrivateNetwork()};
  if (obstacles.private_network) {
    obstacles.private_network = absl::StrCat("needs root, iproute2 and a network of its own: ", *obstacles.private_network);
  } else {
    obstacles.packet_loss = testing::WhyNoPacketLoss();
  }
  const std::string config = ReadFile(flags.config);
  const double scale = flags.short_form ? kShortScale : flags.scale;
  std::vector<Result> results;
  bool played = false;
  bool met = true;
  absl::PrintF("%s\nconfig: %s\n\n%s", Machine(), std::filesystem::path(flags.config).filename().string(), TableHead());
  for (const Scenario& scenario : Scenarios()) {
    if (!Wanted(flags, scenario)) continue;
    if (const std::optional<std::string> reason = WhyNot(scenario, obstacles, scale)) {
      results.push_back({.scenario = scenario, .skipped = reason});
      absl::PrintF("%s", TableLine(results.back()));
      continue;
    }
    played = true;
    for (const Way way : flags.ways) {
      Result result = PlayAndJudge(Scaled(scenario, scale), way, config, flags.short_form);
      for (int plays = 1; flags.short_form && plays < kMostPlays && IsTheMachines(result); ++plays) {
        absl::PrintF("%sthe machine stood still: played again\n", TableLine(result));
        result = PlayAndJudge(Scaled(scenario, scale), way, config, flags.short_form);
      }
      met &= result.missed.empty();
      absl::PrintF("%s", TableLine(result));
      std::fflush(stdout);
      results.push_back(std::move(result));
    }
  }
  if (!played) return kSkipped;
  if (const absl::Status kept = Keep(flags, results); !kept.ok()) {
    absl::FPrintF(stderr, "chaos: %s\n", std::string(kept.message()));
    met = false;
  }
  // The servers' helpers report their trouble this way.
  const bool trouble = ::testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed();
  return met && !trouble ? 0 : kMissed;
}

}  // namespace
}  // namespace userclient::chaos

int main(int argc, char** argv) {
  using userclient::chaos::Way;
  CLI::App app(
      "Failing servers, and what three ways of calling them make of it. Results are printed, and written to "
      "build/chaos/result.md "
      "and result.json.",
      "chaos");
  userclient::chaos::Flags flags;
  std::vector<std::string> names;
  for (const userclient::chaos::Scenario& scenario : userclient::chaos::Scenarios()) names.push_back(scenario.name);
  std::map<std::string, Way> ways;
  for (const Way way : userclient::chaos::kWays) ways.emplace(userclient::chaos::WayName(way), way);
  app.add_flag("--list", flags.list, "the scenarios, and their scripts");
  app.add_option("--only", flags.only, "these scenarios")->delimiter(',')->check(CLI::IsMember(names));
  app.add_option("--ways", flags.ways, "plain, native, userclient; all unless given")
      ->delimiter(',')
      ->transform(CLI::CheckedTransformer(ways));
  app.add_option("--config", flags.config, "the service config")->check(CLI::ExistingFile)->capture_default_str();
  app.add_option("--scale", flags.scale, "play in this part of the time")
      ->check(CLI::Range(userclient::chaos::kShortScale, 10.0))
      ->capture_default_str();
  app.add_flag("--short", flags.short_form, "as a test: quickly, and without bars on times")->excludes("--scale");
  CLI::Option* write =
      app.add_flag("--write", flags.write, "write the results of all also into docs/chaos.md and docs/chaos.json");
  for (const char* part : {"--only", "--ways", "--config", "--scale", "--short"}) write->excludes(app.get_option(part));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (flags.list) {
    userclient::chaos::List();
    return 0;
  }
  // What the person at the keyboard has set for other programs must not change what is seen here; and gRPC would report every
  // failure that was asked for.
  for (const char* variable : {"http_proxy", "https_proxy", "grpc_proxy", "no_proxy", "no_grpc_proxy"}) unsetenv(variable);
  // Processes die here, and not machines: a store in memory is as good as one on a disk, and nobody else writes to it.
  if (std::filesystem::is_directory("/dev/shm")) setenv("TMPDIR", "/dev/shm", 0);
  setenv("GRPC_DNS_RESOLVER", "ares", 1);
  setenv("GRPC_VERBOSITY", "NONE", 0);
  return userclient::chaos::Run(flags);
}
