#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "global_options.h"
#include "userclient/endpoints.h"
#include "userclient/user_client.h"

namespace userctl {

/// An address behind a name, and how its server is.
struct Endpoint {
  /// "10.0.0.7:50051", "[fd00::7]:50051".
  std::string address{};
  bool is_ipv6 = false;
  /// "SERVING", "UNREACHABLE", ...; empty if nobody has asked.
  std::string health{};
  /// Why there is no answer; empty if there is one.
  std::string reason{};
};

/// The endpoints of a name in order, IPv4 first; nobody is asked how they are.
std::vector<Endpoint> EndpointsAt(const userclient::Endpoints& endpoints, int port);

/// Asks servers how they are, each over a connection of its own, which is kept for the next time if it works.
class EndpointChecks {
 public:
  /// `host`: the name that the certificates of the servers must be for.
  EndpointChecks(const GlobalOptions& options, std::string host, std::string service);

  /// Fills in `health` and `reason`. Blocks until all have answered or are out of time. *Errors:* those of UserClient::Create, in
  /// terms of the flags.
  absl::Status Check(std::vector<Endpoint>& endpoints, const std::stop_token& stop);

 private:
  absl::Status Connect(const std::vector<Endpoint>& endpoints);
  void CheckOne(Endpoint& endpoint, const std::stop_token& stop) const;

  const GlobalOptions& options_;
  const std::string host_;
  const std::string service_;
  /// By address.
  std::map<std::string, userclient::UserClient> clients_;
};

}  // namespace userctl
