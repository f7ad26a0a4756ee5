#pragma once

#include <memory>
#include <vector>

#include "userclient/internal/sleeper.h"

namespace userclient::internal {

/// Those whom the present thread has to wake, for as long as this lives: on its stack, one at a time.
class SleeperRound {
 public:
  SleeperRound();
  SleeperRound(const SleeperRound&) = delete;
  SleeperRound& operator=(const SleeperRound&) = delete;
  ~SleeperRound();

  void Add(std::shared_ptr<Sleeper> sleeper) { sleepers_.push_back(std::move(sleeper)); }
  bool empty() const { return sleepers_.empty(); }

  void WakeAll();

 private:
  std::vector<std::shared_ptr<Sleeper>> sleepers_;
};

}  // namespace userclient::internal
