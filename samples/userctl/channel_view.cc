#include "channel_view.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "userclient/user_client.h"

namespace userctl {
namespace {

using nlohmann::json;
using userclient::ServiceConfig;

// What userclient asks gRPC for where the config asks for nothing.
constexpr char kDefaultPolicy[] = "round_robin";
constexpr char kOutlierDetection[] = "outlier_detection_experimental";

// Null where there is no such field.
json Field(const json& object, const char* key) { return object.is_object() ? object.value(key, json()) : json(); }

// gRPC has checked the texts: "1.5s".
void Read(const json& object, const char* key, std::chrono::nanoseconds& duration) {
  const json text = Field(object, key);
  double seconds = 0;
  if (!text.is_string() || !absl::SimpleAtod(text.get<std::string>().substr(0, text.get<std::string>().find('s')), &seconds))
    return;
  duration = std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

// A number may stand in quotes, as everywhere in proto3's JSON.
std::optional<int64_t> Number(const json& object, const char* key) {
  const json value = Field(object, key);
  int64_t number = 0;
  if (value.is_number()) return value.get<int64_t>();
  if (value.is_string() && absl::SimpleAtoi(value.get<std::string>(), &number)) return number;
  return std::nullopt;
}

void Read(const json& object, const char* key, int64_t& number) { number = Number(object, key).value_or(number); }

OutlierDetection ReadOutlierDetection(const json& settings) {
  OutlierDetection outliers;
  Read(settings, "interval", outliers.interval);
  Read(settings, "baseEjectionTime", outliers.base_ejection_time);
  outliers.max_ejection_time = std::max(outliers.max_ejection_time, outliers.base_ejection_time);
  Read(settings, "maxEjectionTime", outliers.max_ejection_time);
  Read(settings, "maxEjectionPercent", outliers.max_ejection_percent);
  if (const json part = Field(settings, "successRateEjection"); part.is_object()) {
    SuccessRateEjection& rate = outliers.success_rate.emplace();
    Read(part, "stdevFactor", rate.stdev_factor);
    Read(part, "enforcementPercentage", rate.enforcement_percent);
    Read(part, "minimumHosts", rate.minimum_hosts);
    Read(part, "requestVolume", rate.request_volume);
  }
  if (const json part = Field(settings, "failurePercentageEjection"); part.is_object()) {
    FailurePercentageEjection& failures = outliers.failure_percentage.emplace();
    Read(part, "threshold", failures.threshold);
    Read(part, "enforcementPercentage", failures.enforcement_percent);
    Read(part, "minimumHosts", failures.minimum_hosts);
    Read(part, "requestVolume", failures.request_volume);
  }
  return outliers;
}

bool Known(const json& policy) {
  ServiceConfig config;
  config.channel_json = json{{"loadBalancingConfig", json::array({policy})}}.dump();
  return userclient::UserClient::CheckConfig(config).ok();
}

// gRPC takes the first policy that it knows. At least one is known in a config that has been checked.
size_t Chosen(const json& policies) {
  const auto known = std::find_if(policies.begin(), policies.end(), Known);
  return known == policies.end() ? 0 : static_cast<size_t>(known - policies.begin());
}

void ReadPolicies(const json& policies, ChannelView& channel) {
  if (!policies.is_array() || policies.empty()) return;
  const json& policy = policies[Chosen(policies)];
  if (!policy.is_object() || policy.empty()) return;
  channel.load_balancing = policy.begin().key();
  if (channel.load_balancing != kOutlierDetection) return;
  channel.outlier_detection = ReadOutlierDetection(policy.begin().value());
  ReadPolicies(Field(policy.begin().value(), "childPolicy"), channel);
}

json ChannelJson(const ServiceConfig& config) { return json::parse(config.channel_json, nullptr, /*allow_exceptions=*/false); }

}  // namespace

ChannelView ChannelOf(const ServiceConfig& config) {
  const json root = ChannelJson(config);
  ChannelView channel = {.load_balancing = kDefaultPolicy, .load_balancing_from = "default"};
  if (const json policies = Field(root, "loadBalancingConfig"); policies.is_array() && !policies.empty()) {
    channel.load_balancing_from = absl::StrCat("loadBalancingConfig[", Chosen(policies), "]");
    ReadPolicies(policies, channel);
  } else if (const json name = Field(root, "loadBalancingPolicy"); name.is_string()) {
    channel.load_balancing_from = "loadBalancingPolicy";
    channel.load_balancing = absl::AsciiStrToLower(name.get<std::string>());
  }
  if (const json service = Field(Field(root, "healthCheckConfig"), "serviceName"); service.is_string()) {
    channel.health_check_service = service.get<std::string>();
  }
  return channel;
}

ChannelMethodView ChannelMethodOf(const ServiceConfig& config, const userclient::MethodConfig& method) {
  ChannelMethodView view;
  // Entries can be missing there, but no name stands in two.
  const userclient::MethodName& name = method.names.front();
  for (const json& entry : Field(ChannelJson(config), "methodConfig")) {
    const json names = Field(entry, "name");
    const bool same = std::any_of(names.begin(), names.end(), [&](const json& other) {
      return other.value("service", "") == name.service && other.value("method", "") == name.method;
    });
    if (!same) continue;
    if (const json wait = Field(entry, "waitForReady"); wait.is_boolean()) view.wait_for_ready = wait.get<bool>();
    view.max_request_message_bytes = Number(entry, "maxRequestMessageBytes");
    view.max_response_message_bytes = Number(entry, "maxResponseMessageBytes");
  }
  return view;
}

}  // namespace userctl
