#pragma once

/// The addresses behind the name in a target, for programs that show them or watch over them: `userctl resolve` is one.
///
///   absl::StatusOr<userclient::EndpointLookup> lookup =
///       userclient::EndpointLookup::Create("dns:///users.prod.svc.cluster.local:50051");
///   absl::StatusOr<userclient::Endpoints> endpoints = lookup->Look();
///
/// A client needs none of this: it follows the name in its target by itself, and tells ClientOptions::on_event.

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "userclient/endpoints.h"

namespace userclient {

/// Asks for the addresses of one name, as a channel to the same target does: the name server in the target, else /etc/hosts and
/// what /etc/resolv.conf says. *Not thread-safe.*
class EndpointLookup {
 public:
  /// Asks nobody yet. *Errors:* INVALID_ARGUMENT for a target without a name: `unix:`, `ipv4:`, an address as the host.
  static absl::StatusOr<EndpointLookup> Create(std::string_view target);

  ~EndpointLookup();
  EndpointLookup(EndpointLookup&&) noexcept;
  EndpointLookup& operator=(EndpointLookup&&) noexcept;

  /// The name, without its port.
  const std::string& host() const;
  int port() const;

  /// Blocks until the answers are there. A family that could not be asked keeps the addresses that it had the last time, if the
  /// other one has any. *Errors:*
  ///   NOT_FOUND           there is no such name, or it has no address
  ///   UNAVAILABLE         the name server cannot be reached, or fails itself (SERVFAIL)
  ///   PERMISSION_DENIED   it refuses (REFUSED)
  ///   DEADLINE_EXCEEDED   it says nothing
  ///   CANCELLED           a stop was requested
  ///   INVALID_ARGUMENT    no name server can be asked for such a name
  absl::StatusOr<Endpoints> Look(std::chrono::nanoseconds timeout = std::chrono::seconds(5), const std::stop_token& stop = {});

 private:
  class Impl;
  explicit EndpointLookup(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace userclient
