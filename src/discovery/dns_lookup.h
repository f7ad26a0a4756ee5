#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "discovery/dns_name.h"

namespace userclient::internal {

/// What became of the question for the addresses of one family.
struct FamilyAnswer {
  enum class Finding {
    kAddresses,
    /// The name exists and has none (NODATA).
    kNoAddress,
    /// There is no such name (NXDOMAIN).
    kNoName,
    /// Nobody could say; there may be addresses.
    kFailed,
  };

  Finding finding = Finding::kFailed;
  /// In ascending order, without duplicates.
  std::vector<std::string> addresses{};
  /// What is wrong and what to do about it. OK with kAddresses.
  absl::Status status{};
};

struct DnsAnswer {
  FamilyAnswer ipv4{};
  FamilyAnswer ipv6{};

  /// OK if either family has addresses; otherwise why there are none. *Errors:*
  ///   NOT_FOUND           there is no such name, or it has no address
  ///   UNAVAILABLE         the name server cannot be reached, or fails itself (SERVFAIL)
  ///   PERMISSION_DENIED   it refuses (REFUSED)
  ///   DEADLINE_EXCEEDED   it says nothing
  ///   CANCELLED           a stop was requested
  ///   INVALID_ARGUMENT    the name cannot be asked for
  absl::Status status() const;
};

struct DnsLookupOptions {
  /// For the whole lookup, retries included. A packet that is lost costs 1 s.
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  /// How long a family may keep the other waiting that has addresses already: some name servers never answer for AAAA.
  std::chrono::nanoseconds other_family_wait = std::chrono::seconds(2);
};

/// Asks for the addresses of a name in both families at once, as gRPC's own resolver does it, with the same library: /etc/hosts,
/// the search domains and name servers of /etc/resolv.conf (all read anew), UDP, and TCP where an answer does not fit.
///
/// Blocks until the answers are there, the time is over, or a stop is requested. *Thread-safe.* Needs a few descriptors for as
/// long as it takes.
DnsAnswer LookUp(const DnsName& name, const DnsLookupOptions& options = {}, const std::stop_token& stop = {});

}  // namespace userclient::internal
