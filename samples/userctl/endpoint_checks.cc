#include "endpoint_checks.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "connect.h"
#include "serving_status.h"
#include "userclient/diagnose.h"

namespace userctl {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds kTimeout = 2s;
constexpr size_t kMostThreads = 16;

std::string TargetOf(const Endpoint& endpoint) { return (endpoint.is_ipv6 ? "ipv6:" : "ipv4:") + endpoint.address; }

/// A server that goes down cancels what it is asked, which nobody else has done.
bool IsUnreachable(const absl::Status& status, const std::stop_token& stop) {
  return status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kDeadlineExceeded ||
         (status.code() == absl::StatusCode::kCancelled && !stop.stop_requested());
}

}  // namespace

std::vector<Endpoint> EndpointsAt(const userclient::Endpoints& endpoints, int port) {
  std::vector<Endpoint> all;
  for (const std::string& address : endpoints.ipv4) all.push_back({.address = absl::StrCat(address, ":", port)});
  for (const std::string& address : endpoints.ipv6) {
    all.push_back({.address = absl::StrCat("[", address, "]:", port), .is_ipv6 = true});
  }
  return all;
}

EndpointChecks::EndpointChecks(const GlobalOptions& options, std::string host, std::string service)
    : options_(options), host_(std::move(host)), service_(std::move(service)) {}

absl::Status EndpointChecks::Check(std::vector<Endpoint>& endpoints, const std::stop_token& stop) {
  if (absl::Status status = Connect(endpoints); !status.ok()) return status;
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < std::min(kMostThreads, endpoints.size()); ++i) {
    threads.emplace_back([&] {
      for (size_t mine = next++; mine < endpoints.size(); mine = next++) CheckOne(endpoints[mine], stop);
    });
  }
  for (std::thread& thread : threads) thread.join();
  // gRPC waits longer and longer before it tries again; whoever looks here wants to know how it is now.
  for (const Endpoint& endpoint : endpoints) {
    if (!endpoint.reason.empty()) clients_.erase(endpoint.address);
  }
  return absl::OkStatus();
}

absl::Status EndpointChecks::Connect(const std::vector<Endpoint>& endpoints) {
  std::set<std::string> addresses;
  for (const Endpoint& endpoint : endpoints) {
    addresses.insert(endpoint.address);
    if (clients_.contains(endpoint.address)) continue;
    absl::StatusOr<userclient::UserClient> client = ConnectToOne(options_, TargetOf(endpoint), host_);
    if (!client.ok()) return client.status();
    clients_.emplace(endpoint.address, *std::move(client));
  }
  std::erase_if(clients_, [&](const auto& client) { return !addresses.contains(client.first); });
  return absl::OkStatus();
}

void EndpointChecks::CheckOne(Endpoint& endpoint, const std::stop_token& stop) const {
  const std::chrono::nanoseconds timeout = options_.timeout.value_or(kTimeout);
  const absl::StatusOr<userclient::ServingStatus> health =
      clients_.at(endpoint.address).CheckHealth(service_, {.timeout = timeout, .stop = stop});
  if (health.ok()) {
    endpoint.health = NameOf(*health);
    return;
  }
  if (health.status().code() == absl::StatusCode::kUnimplemented) {
    endpoint.health = "NO_HEALTH_SERVICE";
    return;
  }
  const bool unreachable = IsUnreachable(health.status(), stop);
  endpoint.health = unreachable ? "UNREACHABLE" : absl::StatusCodeToString(health.status().code());
  endpoint.reason = std::string(health.status().message());
  if (!unreachable || stop.stop_requested()) return;
  // gRPC often keeps the reason to itself.
  const auto diagnosis = userclient::DiagnoseConnection(TargetOf(endpoint), CredentialsFor(options_, host_), timeout);
  if (diagnosis.ok() && diagnosis->trouble != userclient::ConnectTrouble::kNone) endpoint.reason = diagnosis->problem;
}

}  // namespace userctl
