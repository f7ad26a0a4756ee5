#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "call_mix.h"
#include "call_outcome.h"
#include "userclient/user_client.h"

namespace userctl {

/// Makes the calls of a load. *Thread-safe.*
class LoadCaller {
 public:
  using Done = std::function<void(const CallOutcome&)>;

  /// `ids`: the users that are asked for, in turn; not empty if the mix has `get`. `timeout`: for each call. `stop` cancels all.
  LoadCaller(userclient::UserClient client, CallMix mix, std::vector<std::string> ids,
             std::optional<std::chrono::nanoseconds> timeout, std::stop_token stop);

  /// Makes the call with this number, which was due then. Blocks until it has ended.
  CallOutcome Call(int64_t number, std::chrono::steady_clock::time_point due);

  /// The same without a thread that waits. `done` is called once, here or on a thread of gRPC's.
  void Start(int64_t number, std::chrono::steady_clock::time_point due, Done done);

 private:
  struct Flight;

  template <typename Response>
  void Finish(userclient::PendingCall<Response> pending, std::shared_ptr<Flight> flight) const;
  CallOutcome OutcomeOf(const Flight& flight, const absl::Status& status) const;
  userclient::CallOptions OptionsFor(Flight& flight) const;

  user::v1::GetUserRequest NextGet();
  user::v1::CreateUserRequest NextCreate();

  const userclient::UserClient client_;
  const CallMix mix_;
  const std::vector<std::string> ids_;
  const std::optional<std::chrono::nanoseconds> timeout_;
  const std::stop_token stop_;
  /// Tells the users of this run from those of another.
  const std::string run_;
  std::atomic<uint64_t> gets_ = 0;
  std::atomic<uint64_t> creates_ = 0;
};

}  // namespace userctl
