// Makes one table of what scripts/bench.sh has measured, and one file for programs.
//
//   benchmark_report DIRECTORY    reads throughput.json, allocations.json and instructions.json there; writes result.json

#include <cmath>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_format.h"

namespace userclient::benchmark {
namespace {

using Json = nlohmann::ordered_json;

// What the SDK promises, against the generated stub as a program without the SDK would use it.
constexpr double kLeastThroughput = 0.97;
constexpr double kMostMoreInstructions = 0.05;
constexpr double kMostMoreAllocations = 2;

constexpr char kStub[] = "raw";
constexpr char kSdk[] = "sdk";

struct SubjectText {
  const char* name;
  const char* meaning;
  /// The stub on a channel of the same kind: what the subject costs beyond it is the SDK's own doing.
  const char* peer;
};
constexpr SubjectText kSubjects[] = {
    {"raw", "stub, gRPC's default channel", nullptr},
    {"raw-light", "stub, channel without gRPC's retry filter", nullptr},
    {"sdk", "SDK, built-in config: retries itself, without gRPC's filter", "raw-light"},
    {"sdk-no-retries", "SDK, config without retryPolicy: with gRPC's filter", "raw"},
    {"sdk-2-channels", "SDK, retryPolicy and two connections", "raw-light"},
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

void PrintThroughput(const Json& throughput, Bars& bars) {
  std::cout << "\nGetUser, blocking, each caller a thread. Stub and SDK take turns: medians of " << throughput.at("rounds")
            << " rounds of " << throughput.at("slice_ms")
            << " ms.\nSDK/stub is taken round by round; in brackets, where it lies with 95 % certainty.\n\n"
            << absl::StreamFormat("%7s  %-55s  %s\n", "", "calls/s", "client CPU, us a call")
            << absl::StreamFormat("%7s  %7s  %7s  %-21s  %-12s  %7s  %7s  %s\n", "callers", "stub", "SDK", "SDK/stub", ">= 0.97",
                                  "stub", "SDK", "SDK/stub");
  const Json& results = throughput.at("results");
  for (const Json& sdk : results) {
    const int callers = sdk.at("callers");
    const Json* stub = Find(results, kStub, callers);
    if (sdk.at("subject") != kSdk || stub == nullptr) continue;
    const Range ratio = RangeAt(sdk.at("calls_per_second_ratio"));
    std::cout << absl::StreamFormat("%7d  %7.0f  %7.0f  %-21s  %-12s  %7.1f  %7.1f  %s\n", callers,
                                    RangeAt(stub->at("calls_per_second")).median, RangeAt(sdk.at("calls_per_second")).median,
                                    ToText(ratio),
                                    bars.AtLeast(kLeastThroughput, ratio, absl::StrFormat("throughput at %d", callers)),
                                    RangeAt(stub->at("cpu_us_per_call")).median, RangeAt(sdk.at("cpu_us_per_call")).median,
                                    ToText(RangeAt(sdk.at("cpu_ratio"))));
  }
}

void PrintCallCost(const Json& instructions, const Json& allocations, Bars& bars) {
  const auto count = [&](const char* subject) { return allocations.at(subject).at("count").get<double>(); };
  const auto bytes = [&](const char* subject) { return allocations.at(subject).at("bytes").get<double>(); };
  const double stub_instructions = instructions.at(kStub);
  const double sdk_instructions = instructions.at(kSdk);
  const double more_instructions = sdk_instructions / stub_instructions - 1;
  const double more_allocations = count(kSdk) - count(kStub);
  std::cout << absl::StreamFormat("\n%-20s  %9s  %9s  %8s  bar\n", "one call, one caller", "stub", "SDK", "more")
            << absl::StreamFormat("%-20s  %9.0f  %9.0f  %+6.1f %%  <= +5 %%  %s\n", "instructions", stub_instructions,
                                  sdk_instructions, Rounded(100 * more_instructions),
                                  bars.AtMost(kMostMoreInstructions, more_instructions, "instructions, more by the part"))
            << absl::StreamFormat("%-20s  %9.1f  %9.1f  %+8.1f  <= +2    %s\n", "allocations", count(kStub), count(kSdk),
                                  Rounded(more_allocations),
                                  bars.AtMost(kMostMoreAllocations, more_allocations, "allocations, more by"))
            << absl::StreamFormat("%-20s  %9.0f  %9.0f\n", "bytes allocated", bytes(kStub), bytes(kSdk));
}

/// Where the difference comes from: `own` is what a subject costs beyond a stub on the same kind of channel.
void PrintSubjects(const Json& instructions, const Json& allocations) {
  std::cout
      << "\nWhere that comes from. own: beyond a stub on the same kind of channel (instructions vary by 1 % from run to run).\n\n"
      << absl::StreamFormat("%-60s  %12s  %6s  %11s  %5s  %6s\n", "one call, one caller", "instructions", "own", "allocations",
                            "own", "bytes");
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
    std::cout << absl::StreamFormat("%-60s  %12.0f  %6s  %11.1f  %5s  %6.0f\n", subject.meaning, calls_instructions,
                                    own_instructions, calls_allocations, own_allocations,
                                    allocations.at(subject.name).at("bytes").get<double>());
  }
}

void Report(const std::filesystem::path& directory) {
  const Json throughput = Read(directory, "throughput.json");
  const Json allocations = Read(directory, "allocations.json");
  const Json instructions = Read(directory, "instructions.json");
  Bars bars;
  PrintThroughput(throughput, bars);
  PrintCallCost(instructions, allocations, bars);
  PrintSubjects(instructions, allocations);

  std::ofstream file(directory / "result.json");
  file << Json{{"bars", bars.json()},
               {"throughput", throughput},
               {"instructions_per_call", instructions},
               {"allocations_per_call", allocations}}
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
