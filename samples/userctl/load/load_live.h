#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "circuit_log.h"
#include "load_plan.h"
#include "load_tally.h"
#include "userctl/status_line.h"

namespace userctl {

/// Tells on standard error how a load is going.
class LoadLive {
 public:
  /// `transitions_told`: how many changes of breakers are no news.
  LoadLive(StatusLine::Style style, const LoadPlan& plan, size_t transitions_told);

  /// To be called often; it tells when it is time to.
  void Update(const LoadTally& tally, const CircuitLog& circuits);

  /// What there is to tell of breakers yet, and no more of how it is going.
  void End(const CircuitLog& circuits);

 private:
  void TellTransitions(const CircuitLog& circuits);
  std::string Text(const LoadTally& tally, const CircuitLog::States& circuits, std::chrono::steady_clock::time_point now) const;

  const LoadPlan& plan_;
  const std::chrono::steady_clock::time_point began_;
  const std::chrono::nanoseconds every_;
  StatusLine line_;
  std::string text_;
  /// When that was measured, and what there was then.
  std::chrono::steady_clock::time_point measured_at_;
  LoadTally measured_;
  size_t transitions_told_;
  bool bound_told_ = false;
};

}  // namespace userctl
