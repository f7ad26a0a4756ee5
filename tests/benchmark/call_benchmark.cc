// What a call costs: the SDK against gRPC's generated stub. scripts/bench.sh runs it; the server is another process, so that what
// is measured here is the client's alone.
//
//   call_benchmark --target T throughput     calls/s and CPU time, all subjects in turns; JSON on standard output
//   call_benchmark --target T waves          many calls in flight at a benchmark_server: memory and CPU time; JSON
//   call_benchmark --target T allocations    what one call asks of malloc; JSON
//   call_benchmark --target T calls          makes calls and prints nothing, to be run under callgrind (see counted_region.h)
//   call_benchmark subjects                  the names of all subjects

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/benchmark/counted_region.h"
#include "tests/benchmark/counting_malloc.h"
#include "tests/benchmark/subject.h"
#include "tests/benchmark/throughput.h"
#include "tests/benchmark/warm_up.h"
#include "tests/benchmark/waves.h"

namespace userclient::benchmark {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string target{};
  std::vector<std::string> subjects{"raw", "sdk"};
  std::vector<int> callers{1, 8, 32};
  int rounds = 20;
  int64_t slice_ms = 250;
  int64_t calls = 1000;
  int in_flight = 32;
  int connections = 0;
  bool waves = false;
};

absl::Status PrintThroughput(const Flags& flags) {
  const absl::StatusOr<ThroughputResult> result = MeasureThroughput({.target = flags.target,
                                                                     .subjects = flags.subjects,
                                                                     .callers = flags.callers,
                                                                     .rounds = flags.rounds,
                                                                     .slice = std::chrono::milliseconds(flags.slice_ms),
                                                                     .connections = flags.connections});
  if (!result.ok()) return result.status();
  Json subjects = Json::array();
  for (const SubjectCost& cost : result->subjects) {
    subjects.push_back({{"subject", cost.subject}, {"connect_ms", cost.connect_ms}, {"heap_bytes", cost.heap}});
  }
  Json loads = Json::array();
  for (const Throughput& load : result->loads) {
    loads.push_back({{"subject", load.subject},
                     {"callers", load.callers},
                     {"calls_per_second", load.calls_per_second},
                     {"user_us_per_call", load.user_us_per_call},
                     {"system_us_per_call", load.system_us_per_call}});
  }
  std::cout << Json{{"grpc", grpc::Version()},
                    {"rounds", flags.rounds},
                    {"slice_ms", flags.slice_ms},
                    {"subjects", subjects},
                    {"loads", loads}}
                   .dump(1)
            << std::endl;
  return absl::OkStatus();
}

absl::Status PrintWaves(const Flags& flags) {
  const absl::StatusOr<std::vector<Waves>> results = MeasureWaves({.target = flags.target,
                                                                   .subjects = flags.subjects,
                                                                   .in_flight = flags.in_flight,
                                                                   .rounds = flags.rounds,
                                                                   .calls = flags.calls});
  if (!results.ok()) return results.status();
  Json rows = Json::array();
  for (const Waves& waves : *results) {
    rows.push_back({{"subject", waves.subject},
                    {"in_flight", flags.in_flight},
                    {"heap_per_call", waves.heap_per_call},
                    {"calls_per_second", waves.calls_per_second},
                    {"cpu_us_per_call", waves.cpu_us_per_call}});
  }
  std::cout << rows.dump(1) << std::endl;
  return absl::OkStatus();
}

absl::Status PrintAllocations(const Flags& flags) {
  Json rows;
  for (const std::string& name : flags.subjects) {
    const absl::StatusOr<std::unique_ptr<Subject>> subject = MakeSubject(name, {.target = flags.target});
    if (!subject.ok()) return subject.status();
    if (absl::Status warm = (*subject)->Call(flags.calls, flags.in_flight); !warm.ok()) return warm;
    StartCountingAllocations();
    absl::Status called = (*subject)->Call(flags.calls, flags.in_flight);
    const Allocations allocations = StopCountingAllocations();
    if (!called.ok()) return called;
    rows[name] = {{"count", static_cast<double>(allocations.count) / static_cast<double>(flags.calls)},
                  {"bytes", static_cast<double>(allocations.bytes) / static_cast<double>(flags.calls)}};
  }
  std::cout << rows.dump(1) << std::endl;
  return absl::OkStatus();
}

/// Patient: under callgrind, and beside other programs, a call takes long.
absl::Status MakeCountedCalls(const Flags& flags) {
  const std::string user_id = flags.waves ? WaveOf(flags.in_flight) : SubjectOptions().user_id;
  const absl::StatusOr<std::unique_ptr<Subject>> subject =
      MakeSubject(flags.subjects.front(), {.target = flags.target, .user_id = user_id, .patient = true});
  if (!subject.ok()) return subject.status();
  absl::Status warm =
      flags.waves ? WarmUpByWaves(**subject, flags.in_flight) : WarmUp(**subject, flags.target, flags.connections);
  if (!warm.ok()) return warm;
  UserclientCountedRegionBegins();
  absl::Status called = (*subject)->Call(flags.waves ? WholeWaves(flags.calls, flags.in_flight) : flags.calls, flags.in_flight);
  UserclientCountedRegionEnds();
  return called;
}

int Main(int argc, char** argv) {
  CLI::App app("What a call costs: the SDK against gRPC's generated stub.", "call_benchmark");
  app.require_subcommand(1);
  app.fallthrough();
  Flags flags;
  CLI::Option* target = app.add_option("--target", flags.target, "a user_server that has the user u-1, or a benchmark_server");
  app.add_option("--subjects", flags.subjects, "what is measured, see subject.h")->delimiter(',')->capture_default_str();
  app.add_option("--calls", flags.calls, "how many; of waves, in a round")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--in-flight", flags.in_flight, "calls at once, of subjects that call back")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds, "slices of each subject")->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--connections", flags.connections, "of each subject to a benchmark_server, before anything is measured")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();

  CLI::App* throughput = app.add_subcommand("throughput", "calls/s and CPU time, in closed loops");
  throughput->add_option("--callers", flags.callers, "calls in flight")
      ->delimiter(',')
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  throughput->add_option("--slice-ms", flags.slice_ms, "length of one slice")
      ->check(CLI::Range(10, 60000))
      ->capture_default_str();
  CLI::App* waves = app.add_subcommand("waves", "many calls in flight at a benchmark_server");
  CLI::App* allocations = app.add_subcommand("allocations", "what one call asks of malloc, on average");
  CLI::App* calls = app.add_subcommand("calls", "makes calls of the first subject and prints nothing")->fallthrough();
  calls->add_flag("--waves", flags.waves, "in waves at a benchmark_server");
  CLI::App* subjects = app.add_subcommand("subjects", "names them");
  CLI11_PARSE(app, argc, argv);

  if (subjects->parsed()) {
    for (const std::string& name : SubjectNames()) std::cout << name << '\n';
    return 0;
  }
  absl::Status status;
  if (target->empty()) status = absl::InvalidArgumentError("--target is missing");
  if (status.ok() && throughput->parsed()) status = PrintThroughput(flags);
  if (status.ok() && waves->parsed()) status = PrintWaves(flags);
  if (status.ok() && allocations->parsed()) status = PrintAllocations(flags);
  if (status.ok() && calls->parsed()) status = MakeCountedCalls(flags);
  if (status.ok()) return 0;
  std::cerr << "call_benchmark: " << status.message() << std::endl;
  return 1;
}

}  // namespace
}  // namespace userclient::benchmark

int main(int argc, char** argv) { return userclient::benchmark::Main(argc, argv); }
