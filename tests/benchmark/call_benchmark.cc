// What a call costs: the SDK against gRPC's generated stub. scripts/bench.sh runs it; the server is another process, so that what
// is measured here is the client's alone.
//
//   call_benchmark --target T throughput     calls/s and CPU time, all subjects in turns; JSON on standard output
//   call_benchmark --target T allocations    what one call asks of malloc; JSON on standard output
//   call_benchmark --target T calls          makes calls and prints nothing, to be run under callgrind

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/benchmark/counting_malloc.h"
#include "tests/benchmark/subject.h"
#include "tests/benchmark/throughput.h"

namespace userclient::benchmark {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const Median& median) { return {{"median", median.value}, {"low", median.low}, {"high", median.high}}; }

absl::Status PrintThroughput(const ThroughputPlan& plan) {
  const absl::StatusOr<std::vector<Throughput>> results = MeasureThroughput(plan);
  if (!results.ok()) return results.status();
  Json rows = Json::array();
  for (const Throughput& result : *results) {
    rows.push_back({{"subject", result.subject},
                    {"callers", result.callers},
                    {"calls_per_second", ToJson(result.calls_per_second)},
                    {"cpu_us_per_call", ToJson(result.cpu_us_per_call)},
                    {"calls_per_second_ratio", ToJson(result.calls_per_second_ratio)},
                    {"cpu_ratio", ToJson(result.cpu_ratio)}});
  }
  std::cout << Json{{"rounds", plan.rounds}, {"slice_ms", plan.slice.count()}, {"results", rows}}.dump(2) << std::endl;
  return absl::OkStatus();
}

absl::Status PrintAllocations(const std::string& target, const std::vector<std::string>& subjects, int64_t calls) {
  Json rows;
  for (const std::string& name : subjects) {
    const absl::StatusOr<std::unique_ptr<Subject>> subject = MakeSubject(name, target);
    if (!subject.ok()) return subject.status();
    if (absl::Status warm = (*subject)->Call(calls); !warm.ok()) return warm;
    StartCountingAllocations();
    absl::Status called = (*subject)->Call(calls);
    const Allocations allocations = StopCountingAllocations();
    if (!called.ok()) return called;
    rows[name] = {{"count", static_cast<double>(allocations.count) / static_cast<double>(calls)},
                  {"bytes", static_cast<double>(allocations.bytes) / static_cast<double>(calls)}};
  }
  std::cout << rows.dump(2) << std::endl;
  return absl::OkStatus();
}

absl::Status MakeCalls(const std::string& target, const std::string& name, int64_t calls) {
  const absl::StatusOr<std::unique_ptr<Subject>> subject = MakeSubject(name, target);
  if (!subject.ok()) return subject.status();
  return (*subject)->Call(calls);
}

int Main(int argc, char** argv) {
  CLI::App app("What a call costs: the SDK against gRPC's generated stub.", "call_benchmark");
  app.require_subcommand(1);
  app.fallthrough();
  ThroughputPlan plan{.subjects = {"raw", "sdk"}, .callers = {1, 8, 32}, .rounds = 20};
  int64_t slice_ms = 250;
  int64_t calls = 1000;
  std::string subject = "sdk";
  app.add_option("--target", plan.target, "a user_server that has the user u-1")->required();
  app.add_option("--subjects", plan.subjects, "what is measured, see subject.h; the first is what the others are compared with")
      ->delimiter(',')
      ->capture_default_str();

  CLI::App* throughput = app.add_subcommand("throughput", "calls/s and CPU time, in closed loops");
  throughput->add_option("--callers", plan.callers, "calls in flight")
      ->delimiter(',')
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  throughput->add_option("--rounds", plan.rounds, "slices of each subject")->check(CLI::Range(1, 10000))->capture_default_str();
  throughput->add_option("--slice-ms", slice_ms, "length of one slice")->check(CLI::Range(10, 60000))->capture_default_str();
  CLI::App* allocations = app.add_subcommand("allocations", "what one call asks of malloc");
  allocations->add_option("--calls", calls, "calls over which the mean is taken")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI::App* make_calls = app.add_subcommand("calls", "makes calls and prints nothing");
  make_calls->add_option("--subject", subject, "what makes them; see subject.h")->capture_default_str();
  make_calls->add_option("--calls", calls, "how many")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  plan.slice = std::chrono::milliseconds(slice_ms);
  absl::Status status;
  if (throughput->parsed()) status = PrintThroughput(plan);
  if (allocations->parsed()) status = PrintAllocations(plan.target, plan.subjects, calls);
  if (make_calls->parsed()) status = MakeCalls(plan.target, subject, calls);
  if (status.ok()) return 0;
  std::cerr << "call_benchmark: " << status.message() << std::endl;
  return 1;
}

}  // namespace
}  // namespace userclient::benchmark

int main(int argc, char** argv) { return userclient::benchmark::Main(argc, argv); }
