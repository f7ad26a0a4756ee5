#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "tests/benchmark/subject.h"

namespace userclient::benchmark {

/// Calls that call back: no thread waits for any of them, and each is answered by the start of the next.
class AsyncSubject : public Subject {
 public:
  /// Where a call reports its end.
  class Caller {
   public:
    virtual ~Caller() = default;
    virtual void OnDone(const absl::Status& status) = 0;
  };

  /// Starts a call and returns. The caller is told of its end exactly once, on any thread.
  using AsyncCall = std::function<void(Caller& caller)>;

  explicit AsyncSubject(AsyncCall call) : call_(std::move(call)) {}

  absl::Status Call(int64_t count, int in_flight) override;
  std::unique_ptr<ClosedLoop> Start(int callers) override;

 private:
  const AsyncCall call_;
};

}  // namespace userclient::benchmark
