#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "userclient/service_config.h"

namespace userctl {

/// An entry of a list in a service config that applies to some method.
template <typename Entry>
struct Applied {
  /// Null: no entry does.
  const Entry* entry = nullptr;
  /// "methodConfig[0]"
  std::string path{};
  /// By which kind of name the entry means the method: "method", "service" (all its methods) or "all" (every method of every
  /// service).
  std::string named_by{};
};

/// What the calls of one method go by.
struct MethodView {
  /// "GetUser"
  std::string name{};
  bool client_streaming = false;
  bool server_streaming = false;
  Applied<userclient::MethodConfig> config{};
  Applied<userclient::BulkheadConfig> bulkhead{};
  Applied<userclient::MethodExtras> extras{};

  bool has_timeout() const { return config.entry != nullptr && config.entry->timeout; }
  /// The config's, else the client's default.
  std::chrono::nanoseconds timeout() const;
  /// Null: none.
  const userclient::RetryPolicy* retries() const;
  const userclient::HedgingPolicy* hedging() const;
};

/// The full name of the service that this program calls.
std::string ServiceName();

/// Its methods in the order of the proto, streams included. They point into `config`.
std::vector<MethodView> MethodsIn(const userclient::ServiceConfig& config);

/// "userclient.bulkheads[0]"
std::string PathOf(const userclient::BulkheadConfig& bulkhead, const userclient::ServiceConfig& config);

}  // namespace userctl
