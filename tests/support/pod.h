#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/program.h"
#include "userclient/v1/fault_service.grpc.pb.h"

namespace userclient::testing {

struct PodOptions {
  /// It has the address 127.0.0.(number + 1), and calls itself pod-`number`. From 1 on.
  int number = 1;
  /// 0: a free one.
  int port = 0;
  /// The users u-1 to u-N.
  int seed_users = 10'000;
  /// More flags of user_server.
  std::vector<std::string> flags{};
};

/// One server in a process of its own, which can be made sick from outside. What commands it, its fault service, is at another
/// address and stays in reach. *Not thread-safe.*
class Pod {
 public:
  /// Starts it.
  explicit Pod(PodOptions options);

  /// Blocks until it takes calls. HOST:PORT, which stays the same when it starts again.
  const std::string& AwaitAddress();

  const std::string& host() const { return host_; }
  bool running() const { return program_.has_value(); }

  /// It is stopped in the midst of whatever it does: connections stay, and the kernel goes on to take bytes for it.
  void Freeze();
  void Thaw();

  /// It is gone, and its port refuses connections.
  void Kill();

  /// It is asked to end, and ends when its calls have: first this, which returns at once ...
  void BeginDrain();
  /// ... then this, which blocks until it is gone.
  void EndDrain();

  /// A new process in the place of one that is gone. Blocks until it takes calls.
  void Start();

  /// Faults as fault_injector.h describes them; `{}` heals. A process that starts later knows nothing of them.
  void SetFaults(std::string_view json);

  /// What has reached it, also those of its processes that are gone, but for the last milliseconds of one that was killed. It
  /// must not be frozen.
  int64_t CountAttempts(const std::vector<std::string_view>& methods);
  void ResetCounters();

 private:
  using Counted = std::vector<v1::MethodCounters>;

  void Launch();
  /// Keeps what it has counted, if it still answers.
  bool KeepCounters();

  PodOptions options_;
  const std::string host_;
  std::optional<Program> program_;
  std::string address_;
  std::unique_ptr<v1::FaultService::Stub> faults_;
  bool frozen_ = false;
  /// By the processes that are gone, and by the present one when it was last asked.
  Counted counted_before_;
  Counted counted_;
};

}  // namespace userclient::testing
