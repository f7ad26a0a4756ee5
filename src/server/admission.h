#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "server/rate_limiter.h"
#include "server/token_check.h"
#include "userclient/server/user_server.h"

namespace userclient::internal {

/// Who may call, how, and how many: decided when a call arrives, before anything is done for it.
///
///   token ─► deadline ─► seat ─► rate
///
/// *Thread-safe.* Outlives its seats.
class Admission {
 public:
  /// A place among the calls in flight. Returns itself. Movable; one thread at a time.
  class Seat {
   public:
    Seat() = default;
    Seat(Seat&& other) noexcept : in_flight_(std::exchange(other.in_flight_, nullptr)) {}
    Seat& operator=(Seat&& other) noexcept {
      std::swap(in_flight_, other.in_flight_);
      return *this;
    }
    ~Seat() {
      if (in_flight_ != nullptr) in_flight_->fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    friend class Admission;
    explicit Seat(std::atomic<int>* in_flight) : in_flight_(in_flight) {}
    std::atomic<int>* in_flight_ = nullptr;
  };

  struct Arrival {
    /// The header, if there is one.
    std::optional<std::string_view> authorization{};
    /// It has none and should have one.
    bool lacks_deadline = false;
    std::chrono::steady_clock::time_point now{};
  };

  struct Decision {
    /// *Errors:* UNAUTHENTICATED, INVALID_ARGUMENT (no deadline), RESOURCE_EXHAUSTED.
    absl::Status status{};
    Seat seat{};
    /// To be sent as `grpc-retry-pushback-ms`.
    std::optional<std::chrono::milliseconds> pushback{};
  };

  /// *Errors:* INVALID_ARGUMENT for limits that cannot be.
  static absl::Status Check(const UserServerOptions& options);

  /// `tokens` null: none are asked for. The options must pass Check.
  Admission(const UserServerOptions& options, std::shared_ptr<const TokenCheck> tokens);
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  Decision Admit(const Arrival& arrival);

 private:
  const std::shared_ptr<const TokenCheck> tokens_;
  const bool require_deadline_;
  const std::optional<int> max_concurrent_calls_;
  std::unique_ptr<RateLimiter> rate_limiter_;
  std::atomic<int> in_flight_{0};
};

}  // namespace userclient::internal
