#pragma once

#include <memory>

#include "call/single_flight.h"
#include "policy/stale_cache.h"
#include "userclient/fallback.h"

namespace userclient::internal {

/// Where a method's answers may come from, besides a call of their own.
struct AnswerPlan {
  /// staleIfError; null: no answer is kept.
  std::shared_ptr<StaleCache> stale{};
  /// ClientOptions::fallbacks; may be empty.
  Fallback fallback{};
  /// singleFlight; null: every call is sent.
  std::shared_ptr<SingleFlight> flights{};
};

}  // namespace userclient::internal
