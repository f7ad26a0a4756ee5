#pragma once

#include <stop_token>

#include "call/compartment.h"
#include "policy/concurrency_limiter.h"
#include "policy/time.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// A seat in a compartment that has a limiter, waiting for it on this thread as long as the compartment allows, but not past
/// `deadline`. Empty if there was none, or the caller cancelled.
ConcurrencyLimiter::Seat TakeSeat(Compartment& compartment, TimePoint deadline, const CallOptions& options,
                                  const std::stop_token& cancelled);

}  // namespace userclient::internal
