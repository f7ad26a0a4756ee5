#pragma once

#include <memory>

#include "userclient/observer.h"

namespace userctl {

/// Tells on standard error when a stream has broken off and goes on, at that moment: what its report can tell only at its end.
/// *Thread-safe.*
class ResumeTeller final : public userclient::Observer {
 public:
  /// `json`: {"resume": {"method", "attempt", "waited_ms", "peer", "lasted_ms", "code", "message"}} on one line.
  explicit ResumeTeller(bool json) : json_(json) {}

  std::unique_ptr<userclient::CallState> OnCallStart(const userclient::ObservedCall& call,
                                                     const userclient::CallOptions& options) override;
  void OnAttemptStart(const userclient::ObservedCall& call, const userclient::ObservedAttempt& attempt,
                      userclient::CallState* state, userclient::Metadata& metadata) override;
  void OnAttemptEnd(const userclient::ObservedCall& call, const userclient::ObservedAttempt& attempt,
                    const userclient::AttemptReport& report, userclient::CallState* state) override;

 private:
  const bool json_;
};

}  // namespace userctl
