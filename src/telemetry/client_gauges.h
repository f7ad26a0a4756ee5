#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/metric.h"
#include "userclient/observer.h"

namespace userclient::internal {

/// Labels, in the order in which they are given.
using LabelValues = std::vector<std::pair<std::string_view, std::string>>;

/// What a metric is at the moment, for one set of labels.
struct Reading {
  LabelValues labels{};
  double value = 0;
};

struct GaugeReadings {
  const Metric* metric = nullptr;
  std::vector<Reading> readings{};
};

/// What the label `grpc.target` is for the clients of a ClientOptions::target.
using TargetLabel = std::function<std::string(std::string_view target)>;

/// `own`, given the target with its scheme; that target itself where there is no `own`.
TargetLabel TargetLabelOr(TargetLabel own);

/// What several clients are like at the moment. Clients to one target add up, compartment by compartment; of versions and ages
/// the largest counts.
std::vector<GaugeReadings> ReadGauges(const std::vector<ClientSnapshot>& clients,
                                      const TargetLabel& target_label = CanonicalTarget);

/// The clients that an observer has been told of, for as long as they live. *Thread-safe.*
class ObservedClients {
 public:
  void Add(const ObservedClient& client);
  void Remove(const ObservedClient& client);
  std::vector<ClientSnapshot> Snapshots();

 private:
  std::mutex mutex_;
  std::map<const ObservedClient*, std::function<std::optional<ClientSnapshot>()>> sources_;
};

}  // namespace userclient::internal
