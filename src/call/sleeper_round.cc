#include "call/sleeper_round.h"

#include <utility>

namespace userclient::internal {
namespace {

thread_local SleeperRound* present = nullptr;

}  // namespace

SleeperRound::SleeperRound() { present = this; }

SleeperRound::~SleeperRound() {
  WakeAll();
  present = nullptr;
}

void SleeperRound::WakeAll() {
  for (const std::shared_ptr<Sleeper>& sleeper : sleepers_) sleeper->Wake();
  sleepers_.clear();
}

bool WakeWhenIdle(std::shared_ptr<Sleeper> sleeper) {
  if (present == nullptr) return false;
  present->Add(std::move(sleeper));
  return true;
}

}  // namespace userclient::internal
