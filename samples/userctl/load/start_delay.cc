#include "start_delay.h"

#include <algorithm>

namespace userctl {

using std::chrono::nanoseconds;

void StartDelay::NoteWait(nanoseconds wait) { owed_to_waits_ += wait; }

void StartDelay::NoteBegin(nanoseconds late) {
  late = std::max(late, nanoseconds::zero());
  owed_to_waits_ = std::min(owed_to_waits_, late);
  latest_ = std::max(latest_, late);
  latest_by_machine_ = std::max(latest_by_machine_, late - owed_to_waits_);
}

}  // namespace userctl
