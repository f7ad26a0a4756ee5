#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/e2e/program.h"
#include "tests/server/temporary_directory.h"

namespace userclient::testing {

/// A real name server on loopback: dnsmasq, which answers for the zone "cluster.test" and nothing else. *Not thread-safe.*
class Dnsmasq {
 public:
  /// Whether the program is installed. Tests skip themselves where it is not.
  static bool Installed();

  /// `records`: lines of "10.0.0.1 users.cluster.test", as in /etc/hosts. Blocks until it answers.
  explicit Dnsmasq(std::string_view records);

  int port() const { return port_; }
  /// "127.0.0.1:5353", as it stands in a target.
  std::string authority() const;

  /// Other records, from soon on; while it is dead, from its return on.
  void Set(std::string_view records);

  void Die();
  /// Listens again, on the same port. Blocks until it answers.
  void Return();

 private:
  /// False: it cannot have the port, or does not answer.
  bool Start();

  TemporaryDirectory directory_;
  int port_ = 0;
  std::unique_ptr<Program> program_;
};

}  // namespace userclient::testing
