#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "tests/benchmark/subject.h"

namespace userclient::benchmark {

/// Calls that block: every caller is a thread.
class BlockingSubject : public Subject {
 public:
  using BlockingCall = std::function<absl::Status()>;

  explicit BlockingSubject(BlockingCall call) : call_(std::move(call)) {}

  absl::Status Call(int64_t count, int in_flight) override;
  std::unique_ptr<ClosedLoop> Start(int callers) override;

 private:
  const BlockingCall call_;
};

}  // namespace userclient::benchmark
