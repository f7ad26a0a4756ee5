#include "config/split.h"

#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace userclient::internal {
namespace {

constexpr std::array kChannelKeys = {"loadBalancingPolicy", "loadBalancingConfig", "healthCheckConfig"};
constexpr std::array kChannelMethodKeys = {"waitForReady", "maxRequestMessageBytes", "maxResponseMessageBytes"};

struct Wildcards {
  bool every_service = false;
  std::set<std::string> services;
};

bool HasSettings(const Json& entry) { return entry.size() > 1; }

// The entry with its name and what the channel executes of it.
Json Reduce(const Json& entry) {
  Json reduced = {{"name", entry.at("name")}};
  for (const char* key : kChannelMethodKeys) {
    if (entry.contains(key)) reduced[key] = entry.at(key);
  }
  return reduced;
}

// The wildcard names of entries that still say something.
Wildcards FindWildcards(const Json& entries) {
  Wildcards wildcards;
  for (const Json& entry : entries) {
    if (!HasSettings(entry)) continue;
    for (const Json& name : entry.at("name")) {
      if (!name.value("method", "").empty()) continue;
      const std::string service = name.value("service", "");
      if (service.empty()) {
        wildcards.every_service = true;
      } else {
        wildcards.services.insert(service);
      }
    }
  }
  return wildcards;
}

// Whether an entry keeps one of `wildcards` away from a method or a service that it names itself.
bool Shadows(const Json& entry, const Wildcards& wildcards) {
  for (const Json& name : entry.at("name")) {
    const std::string service = name.value("service", "");
    if (service.empty()) continue;
    if (wildcards.every_service) return true;
    if (!name.value("method", "").empty() && wildcards.services.contains(service)) return true;
  }
  return false;
}

Json ReduceMethodConfigs(const Json& entries) {
  Json reduced = Json::array();
  for (const Json& entry : entries) reduced.push_back(Reduce(entry));
  const Wildcards wildcards = FindWildcards(reduced);
  Json kept = Json::array();
  for (Json& entry : reduced) {
    if (HasSettings(entry) || Shadows(entry, wildcards)) kept.push_back(std::move(entry));
  }
  return kept;
}

}  // namespace

std::string ChannelJson(const Json& service_config) {
  Json channel = Json::object();
  for (const char* key : kChannelKeys) {
    if (service_config.contains(key)) channel[key] = service_config.at(key);
  }
  if (service_config.contains("methodConfig")) {
    Json entries = ReduceMethodConfigs(service_config.at("methodConfig"));
    if (!entries.empty()) channel["methodConfig"] = std::move(entries);
  }
  return channel.dump();
}

}  // namespace userclient::internal
