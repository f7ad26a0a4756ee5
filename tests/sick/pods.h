#pragma once

#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/program.h"
#include "userclient/v1/fault_service.grpc.pb.h"

namespace userclient::testing {

/// One server in a process of its own, which can be made sick from outside.
class Pod {
 public:
  /// Starts it on a free port of 127.0.0.`number`, as pod-`number`, with the users u-1 to u-10000.
  explicit Pod(int number);

  /// Blocks until it takes calls. HOST:PORT.
  const std::string& AwaitAddress();

  const std::string& host() const { return host_; }

  /// It is stopped in the midst of whatever it does: connections stay, and the kernel goes on to take bytes for it.
  void Freeze() { program_.Signal(SIGSTOP); }
  void Thaw() { program_.Signal(SIGCONT); }

  /// It is gone, and its port refuses connections.
  void Kill();

  /// Faults as fault_injector.h describes them; `{}` heals.
  void SetFaults(std::string_view json);

 private:
  const std::string host_;
  Program program_;
  std::string address_;
  std::unique_ptr<v1::FaultService::Stub> faults_;
};

/// So many pods that take calls.
class Pods {
 public:
  explicit Pods(int count);

  Pod& operator[](size_t index) { return *pods_[index]; }

  /// All of them, for a client.
  std::string target() const { return target_; }

 private:
  std::vector<std::unique_ptr<Pod>> pods_;
  std::string target_ = "ipv4:";
};

}  // namespace userclient::testing
