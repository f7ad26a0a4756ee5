#include "tests/benchmark/subject.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "src/config/default_service_config.h"
#include "tests/benchmark/client_subjects.h"
#include "tests/benchmark/observers.h"
#include "tests/benchmark/stream_subject.h"
#include "tests/benchmark/stub_subjects.h"

namespace userclient::benchmark {
namespace {

using Json = nlohmann::json;
using SubjectOr = absl::StatusOr<std::unique_ptr<Subject>>;

Json BuiltIn(const SubjectOptions& options) {
  auto config = Json::parse(internal::kDefaultServiceConfig);
  if (!options.patient) return config;
  for (auto& method : config.at("methodConfig")) {
    method["timeout"] = "600s";
    if (method.contains("retryPolicy")) method["retryPolicy"]["perAttemptRecvTimeout"] = "300s";
  }
  for (auto& bulkhead : config.at("userclient").at("bulkheads")) bulkhead["maxConcurrentCalls"] = 1'000'000;
  return config;
}

/// The built-in service config with this many connections, never more.
Json BuiltInWith(const SubjectOptions& options, int channels) {
  Json config = BuiltIn(options);
  for (auto& bulkhead : config.at("userclient").at("bulkheads")) {
    bulkhead["channels"] = channels;
    bulkhead["maxChannels"] = channels;
  }
  return config;
}

Json WithoutRetries(Json config) {
  for (auto& method : config.at("methodConfig")) method.erase("retryPolicy");
  return config;
}

/// Channel arguments as no program without the SDK has to know them.
StubChannels Plain(int count) { return {.arguments = {}, .count = count}; }

StubChannels WithoutRetryFilter() {
  StubChannels channels;
  channels.arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return channels;
}

StubChannels Balanced() {
  StubChannels channels;
  channels.arguments.SetLoadBalancingPolicyName("round_robin");
  return channels;
}

StubChannels Ejecting() {
  const Json config{{"loadBalancingConfig", Json::parse(internal::kDefaultServiceConfig).at("loadBalancingConfig")}};
  StubChannels channels;
  channels.arguments.SetServiceConfigJSON(config.dump());
  return channels;
}

struct NamedSubject {
  std::string_view name;
  SubjectOr (*make)(const SubjectOptions& options);
};

constexpr NamedSubject kSubjects[] = {
    {"raw", [](auto& options) -> SubjectOr { return CallByStub(options, Plain(1)); }},
    {"raw-2-channels", [](auto& options) -> SubjectOr { return CallByStub(options, Plain(2)); }},
    {"raw-light", [](auto& options) -> SubjectOr { return CallByStub(options, WithoutRetryFilter()); }},
    {"sdk", [](auto& options) { return CallByClient(options, BuiltInWith(options, 1).dump()); }},
    {"sdk-no-retries", [](auto& options) { return CallByClient(options, WithoutRetries(BuiltInWith(options, 1)).dump()); }},
    {"sdk-2-channels", [](auto& options) { return CallByClient(options, BuiltInWith(options, 2).dump()); }},
    {"sdk-pool", [](auto& options) { return CallByClient(options, BuiltIn(options).dump()); }},
    {"raw-callback", [](auto& options) -> SubjectOr { return CallByStubCallback(options, Plain(1)); }},
    {"raw-callback-2-channels", [](auto& options) -> SubjectOr { return CallByStubCallback(options, Plain(2)); }},
    {"raw-callback-light", [](auto& options) -> SubjectOr { return CallByStubCallback(options, WithoutRetryFilter()); }},
    {"raw-callback-balanced", [](auto& options) -> SubjectOr { return CallByStubCallback(options, Balanced()); }},
    {"raw-callback-ejecting", [](auto& options) -> SubjectOr { return CallByStubCallback(options, Ejecting()); }},
    {"sdk-callback", [](auto& options) { return CallByClientAsync(options, BuiltInWith(options, 1).dump()); }},
    {"sdk-callback-2-channels", [](auto& options) { return CallByClientAsync(options, BuiltInWith(options, 2).dump()); }},
    {"sdk-callback-pool", [](auto& options) { return CallByClientAsync(options, BuiltIn(options).dump()); }},
    {"raw-stream", [](auto& options) -> SubjectOr { return ReadByStub(options.target); }},
    {"raw-stream-callback", [](auto& options) -> SubjectOr { return ReadByStubCallback(options.target); }},
    {"sdk-stream", [](auto& options) { return ReadByClient(options.target, BuiltInWith(options, 1).dump()); }},
    {"sdk-stream-async", [](auto& options) { return ReadByClientAsync(options.target, BuiltInWith(options, 1).dump()); }},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Subject>> MakeSubject(std::string_view name, const SubjectOptions& options) {
  const std::string_view plain_name = name.substr(0, name.find('+'));
  SubjectOptions observed = options;
  if (plain_name != name) observed.observer = name.substr(plain_name.size() + 1);
  const bool observable = plain_name.starts_with("sdk") && !plain_name.starts_with("sdk-stream");
  if (!observed.observer.empty() && !observable) {
    return absl::InvalidArgumentError(absl::StrCat("subject \"", std::string(name), "\" has nobody to tell its calls to"));
  }
  for (const NamedSubject& subject : kSubjects) {
    if (subject.name == plain_name) return subject.make(observed);
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no subject \"", std::string(name), "\""));
}

std::vector<std::string> SubjectNames() {
  std::vector<std::string> names;
  for (const NamedSubject& subject : kSubjects) names.emplace_back(subject.name);
  for (const std::string& observer : ObserverNames()) names.push_back(absl::StrCat("sdk-callback+", observer));
  return names;
}

}  // namespace userclient::benchmark
