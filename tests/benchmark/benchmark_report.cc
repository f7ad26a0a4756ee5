// Makes tables of what scripts/bench.sh has measured, and one file for programs.
//
//   benchmark_report DIRECTORY    reads throughput_blocking.json, throughput_callback.json, allocations.json, instructions.json
//   and,
//                                 if it is there, policies.json (of Google Benchmark) in it; writes result.json

#include <cmath>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"

namespace userclient::benchmark {
namespace {

using Json = nlohmann::ordered_json;

// What the SDK promises, against the generated stub as a program without the SDK would use it.
constexpr double kLeastBlockingThroughput = 0.97;
constexpr double kLeastCallbackThroughput = 0.95;
constexpr double kLeastPoolThroughput = 1;
constexpr double kMostMoreInstructions = 0.05;
constexpr double kMostMoreAllocations = 2;
constexpr double kMostMoreCallbackInstructions = 0;
constexpr double kMostPolicyNanoseconds = 100;
/// A mean: what the benchmark's own frame takes counts too.
constexpr double kMostPolicyAllocations = 0.001;

struct SubjectText {
  const char* name;
  const char* meaning;
  /// The stub on a channel of the same kind: what the subject costs beyond it is the SDK's own doing.
  const char* peer;
};
constexpr SubjectText kSubjects[] = {
    {"raw", "stub, gRPC's default channel", nullptr},
    {"raw-light", "stub, channel without gRPC's retry filter", nullptr},
    {"sdk", "SDK, built-in policies, one connection", "raw-light"},
    {"sdk-no-retries", "SDK, without retryPolicy: with gRPC's filter", "raw"},
    {"sdk-2-channels", "SDK, two connections", "raw-light"},
    {"sdk-pool", "SDK, built-in config: a pool", "raw-light"},
    {"raw-callback", "callback stub, gRPC's default channel", nullptr},
    {"raw-callback-light", "callback stub, without gRPC's retry filter", nullptr},
    {"sdk-callback", "callback SDK, built-in policies, one connection", "raw-callback-light"},
    {"sdk-callback-pool", "callback SDK, built-in config: a pool", "raw-callback-light"},
};

/// The middle of several measurements, and between which two the true one lies with 95 %.
struct Range {
  double median;
  double low;
  double high;
};

Range RangeAt(const Json& json) { return {json.at("median"), json.at("low"), json.at("high")}; }

std::string ToText(const Range& range) { return absl::StrFormat("%.3f (%.3f-%.3f)", range.median, range.low, range.high); }

/// Whether a bar is met, collected for result.json.
class Bars {
 public:
  /// Returns the verdict. A bar between the two ends of a range is not decided by the measurement.
  const char* AtLeast(double bar, const Range& range, const std::string& what) {
    const char* verdict = range.low >= bar ? "holds" : range.high < bar ? "MISSED" : "within noise";
    bars_.push_back({{"what", what}, {"at_least", bar}, {"measured", range.median}, {"verdict", verdict}});
    return verdict;
  }

  const char* AtMost(double bar, double measured, const std::string& what) {
    const char* verdict = measured <= bar ? "holds" : "MISSED";
    bars_.push_back({{"what", what}, {"at_most", bar}, {"measured", measured}, {"verdict", verdict}});
    return verdict;
  }

  const Json& json() const { return bars_; }

 private:
  Json bars_ = Json::array();
};

Json Read(const std::filesystem::path& directory, const char* name) {
  std::ifstream file(directory / name);
  if (!file) throw std::ios_base::failure("cannot read " + (directory / name).string());
  return Json::parse(file);
}

/// Without a sign for what is printed as zero.
double Rounded(double value) {
  const double rounded = std::round(value * 10) / 10;
  return rounded == 0 ? 0 : rounded;
}

const Json* Find(const Json& results, const std::string& subject, int callers) {
  for (const Json& result : results) {
    if (result.at("subject") == subject && result.at("callers") == callers) return &result;
  }
  return nullptr;
}

/// One subject against the stub, at every load that was measured.
void PrintThroughput(const Json& throughput, const std::string& stub_name, const std::string& sdk_name, double bar, Bars& bars) {
  std::cout << absl::StreamFormat("\n%-9s  %-56s  %s\n", sdk_name == "sdk-callback-pool" ? "pool" : "", "calls/s",
                                  "client CPU, us a call")
            << absl::StreamFormat("%9s  %7s  %7s  %-21s  %-13s  %7s  %7s  %s\n", "in flight", "stub", "SDK", "SDK/stub",
                                  absl::StrFormat("bar %.2f", bar), "stub", "SDK", "SDK/stub");
  const Json& results = throughput.at("results");
  for (const Json& sdk : results) {
    const int callers = sdk.at("callers");
    const Json* stub = Find(results, stub_name, callers);
    if (sdk.at("subject") != sdk_name || stub == nullptr) continue;
    const Range ratio = RangeAt(sdk.at("calls_per_second_ratio"));
    std::cout << absl::StreamFormat("%9d  %7.0f  %7.0f  %-21s  %-13s  %7.1f  %7.1f  %s\n", callers,
                                    RangeAt(stub->at("calls_per_second")).median, RangeAt(sdk.at("calls_per_second")).median,
                                    ToText(ratio),
                                    bars.AtLeast(bar, ratio, absl::StrFormat("%s: throughput at %d", sdk_name, callers)),
                                    RangeAt(stub->at("cpu_us_per_call")).median, RangeAt(sdk.at("cpu_us_per_call")).median,
                                    ToText(RangeAt(sdk.at("cpu_ratio"))));
  }
}

void PrintBlockingThroughput(const Json& throughput, Bars& bars) {
  std::cout << "\nGetUser, blocking, each caller a thread, one connection. Stub and SDK take turns: medians of "
            << throughput.at("rounds") << " rounds of " << throughput.at("slice_ms")
            << " ms.\nSDK/stub is taken round by round; in brackets, where it lies with 95 % certainty.\n";
  PrintThroughput(throughput, "raw", "sdk", kLeastBlockingThroughput, bars);
}

void PrintCallbackThroughput(const Json& throughput, Bars& bars) {
  std::cout
      << "\nGetUser, called back, no thread waits: on one connection each, and the SDK's built-in pool against the stub's one "
         "connection.\nMedians of "
      << throughput.at("rounds") << " rounds of " << throughput.at("slice_ms") << " ms.\n";
  PrintThroughput(throughput, "raw-callback", "sdk-callback", kLeastCallbackThroughput, bars);
  PrintThroughput(throughput, "raw-callback", "sdk-callback-pool", kLeastPoolThroughput, bars);
}

struct CallCostBars {
  double most_more_instructions;
  std::optional<double> most_more_allocations{};
};

void PrintCallCost(const Json& instructions, const Json& allocations, const char* title, const std::string& stub,
                   const std::string& sdk, const CallCostBars& most, Bars& bars) {
  const auto count = [&](const std::string& subject) { return allocations.at(subject).at("count").get<double>(); };
  const auto bytes = [&](const std::string& subject) { return allocations.at(subject).at("bytes").get<double>(); };
  const double stub_instructions = instructions.at(stub);
  const double sdk_instructions = instructions.at(sdk);
  const double more_instructions = sdk_instructions / stub_instructions - 1;
  const double more_allocations = count(sdk) - count(stub);
  std::string allocations_bar;
  if (most.most_more_allocations) {
    allocations_bar = absl::StrFormat("<= %+.0f    %s", *most.most_more_allocations,
                                      bars.AtMost(*most.most_more_allocations, more_allocations, sdk + ": allocations, more by"));
  }
  std::cout << absl::StreamFormat("\n%-28s  %9s  %9s  %8s  bar\n", title, "stub", "SDK", "more")
            << absl::StreamFormat(
                   "%-28s  %9.0f  %9.0f  %+6.1f %%  <= %+.0f %%  %s\n", "instructions", stub_instructions, sdk_instructions,
                   Rounded(100 * more_instructions), 100 * most.most_more_instructions,
                   bars.AtMost(most.most_more_instructions, more_instructions, sdk + ": instructions, more by the part"))
            << absl::StreamFormat("%-28s  %9.1f  %9.1f  %+8.1f  %s\n", "allocations", count(stub), count(sdk),
                                  Rounded(more_allocations), allocations_bar)
            << absl::StreamFormat("%-28s  %9.0f  %9.0f\n", "bytes allocated", bytes(stub), bytes(sdk));
}

/// Where the difference comes from: `own` is what a subject costs beyond a stub on the same kind of channel.
void PrintSubjects(const Json& instructions, const Json& allocations) {
  std::cout
      << "\nWhere that comes from. own: beyond a stub on the same kind of channel (instructions vary by 1 % from run to run).\n\n"
      << absl::StreamFormat("%-50s  %12s  %6s  %11s  %5s  %6s\n", "a call", "instructions", "own", "allocations", "own", "bytes");
  for (const SubjectText& subject : kSubjects) {
    if (!instructions.contains(subject.name) || !allocations.contains(subject.name)) continue;
    const double calls_instructions = instructions.at(subject.name);
    const double calls_allocations = allocations.at(subject.name).at("count");
    std::string own_instructions;
    std::string own_allocations;
    if (subject.peer != nullptr && instructions.contains(subject.peer) && allocations.contains(subject.peer)) {
      own_instructions = absl::StrFormat("%+.0f", calls_instructions - instructions.at(subject.peer).get<double>());
      own_allocations =
          absl::StrFormat("%+.1f", Rounded(calls_allocations - allocations.at(subject.peer).at("count").get<double>()));
    }
    std::cout << absl::StreamFormat("%-50s  %12.0f  %6s  %11.1f  %5s  %6.0f\n", subject.meaning, calls_instructions,
                                    own_instructions, calls_allocations, own_allocations,
                                    allocations.at(subject.name).at("bytes").get<double>());
  }
}

/// By CPU time: it is a call's own, while the machine may be shared.
void PrintPolicies(const Json& policies, Bars& bars) {
  constexpr char kAdmitAndSettle[] = "LimiterAndBreaker";
  std::cout << "\nThe policies alone: limiter and breaker admit a call and settle it, on threads that share both. CPU time.\n\n"
            << absl::StreamFormat("%9s  %7s  %-20s  %11s  %s\n", "threads", "ns/call", "bar 100", "allocations", "bar 0");
  for (const Json& run : policies.at("benchmarks")) {
    if (run.value("aggregate_name", "") != "median") continue;
    if (!run.at("run_name").get<std::string>().starts_with(std::string(kAdmitAndSettle) + "/")) continue;
    const int threads = run.at("threads");
    const double nanoseconds = run.at("cpu_time");
    const double allocations = run.at("allocations").get<double>();
    std::cout << absl::StreamFormat(
        "%9d  %7.1f  %-20s  %11.3f  %s\n", threads, nanoseconds,
        bars.AtMost(kMostPolicyNanoseconds, nanoseconds, absl::StrFormat("policies: ns a call, threads %d", threads)),
        allocations,
        bars.AtMost(kMostPolicyAllocations, allocations, absl::StrFormat("policies: allocations a call, threads %d", threads)));
  }
}

void Report(const std::filesystem::path& directory) {
  const Json blocking = Read(directory, "throughput_blocking.json");
  const Json callback = Read(directory, "throughput_callback.json");
  const Json allocations = Read(directory, "allocations.json");
  const Json instructions = Read(directory, "instructions.json");
  const Json policies = std::filesystem::exists(directory / "policies.json") ? Read(directory, "policies.json") : Json();
  Bars bars;
  PrintBlockingThroughput(blocking, bars);
  PrintCallCost(instructions, allocations, "one blocking call", "raw", "sdk", {kMostMoreInstructions, kMostMoreAllocations},
                bars);
  PrintCallbackThroughput(callback, bars);
  PrintCallCost(instructions, allocations, "one callback, 32 in flight", "raw-callback", "sdk-callback",
                {kMostMoreCallbackInstructions}, bars);
  PrintSubjects(instructions, allocations);
  if (!policies.is_null()) PrintPolicies(policies, bars);

  std::ofstream file(directory / "result.json");
  file << Json{{"bars", bars.json()},
               {"throughput_blocking", blocking},
               {"throughput_callback", callback},
               {"instructions_per_call", instructions},
               {"allocations_per_call", allocations},
               {"policies", policies}}
              .dump(2)
       << '\n';
  file.close();
  if (!file) throw std::ios_base::failure("cannot write " + (directory / "result.json").string());
}

}  // namespace
}  // namespace userclient::benchmark

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: benchmark_report DIRECTORY" << std::endl;
    return 2;
  }
  try {
    userclient::benchmark::Report(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "benchmark_report: " << argv[1] << ": " << error.what() << std::endl;
    return 1;
  }
  return 0;
}
