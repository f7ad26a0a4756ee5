#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/chaos/caller.h"
#include "tests/chaos/rotating_certificates.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/dnsmasq.h"
#include "tests/support/pod.h"
#include "userclient/testing/fault_proxy.h"

namespace userclient::chaos {

/// The servers of a scenario.
struct FleetPlan {
  int pods = 3;
  /// Further ones that are started by the script.
  int spare_pods = 0;
  /// How long a healthy pod takes for GetUser and CreateUser.
  std::chrono::milliseconds work{5};
  /// How many events every user has.
  int activity = 0;
  /// Reached by a name, which dnsmasq serves, instead of by a list of addresses.
  bool dns = false;
  /// With certificates for that name.
  bool tls = false;
  /// On one SQLite file that all share, instead of each on a memory of its own.
  bool durable = false;
  /// Each behind a proxy.
  bool proxies = false;
  /// More flags of user_server.
  std::vector<std::string> flags{};
};

/// Running servers, all with the same port. Pods are numbered from 1. *Not thread-safe.*
class Fleet {
 public:
  /// Blocks until all but the spare ones take calls.
  explicit Fleet(const FleetPlan& plan);
  /// Heals the network; the rest ends with its processes.
  ~Fleet();

  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  Reach reach() const;

  testing::Pod& pod(int number) { return *pods_.at(static_cast<size_t>(number - 1)); }
  int size() const { return static_cast<int>(pods_.size()); }
  int port() const { return port_; }
  testing::FaultProxy& proxy(int number) { return *proxies_.at(static_cast<size_t>(number - 1)); }
  testing::Dnsmasq& name_server() { return *name_server_; }
  RotatingCertificates& certificates() { return *certificates_; }

  /// As many pods as this run, the first ones; those that run do so without faults.
  void Run(int pods);
  /// The name means the first so many pods, and no others.
  void Announce(int pods);
  /// The name means the pods that run. While the name server is dead: as soon as it is back.
  void AnnounceRunning();
  /// What this pod does besides its work, as entries of `faults` that come before it: R"({"method": "*", "status": ...})".
  void Disturb(int number, std::string_view entries);
  void SetWork(int number, std::chrono::milliseconds work);
  /// What comes from this pod is lost.
  void CutOff(int number);
  void Reconnect();

  /// Attempts of GetUser and CreateUser that have reached each pod since the last reset. A pod that stands still is woken up.
  std::vector<int64_t> CountAttempts();
  void ResetCounters();

  /// The file of durable pods.
  std::string store_file() const { return (directory_ / "users.db").string(); }

 private:
  void Announce(const std::vector<int>& numbers);

  const FleetPlan plan_;
  const int port_;
  testing::TemporaryDirectory directory_;
  std::unique_ptr<RotatingCertificates> certificates_;
  std::vector<std::unique_ptr<testing::Pod>> pods_;
  std::vector<std::unique_ptr<testing::FaultProxy>> proxies_;
  std::unique_ptr<testing::Dnsmasq> name_server_;
  std::optional<std::string> cut_off_;
};

}  // namespace userclient::chaos
