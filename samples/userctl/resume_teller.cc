#include "resume_teller.h"

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "duration.h"
#include "json_line.h"
#include "printable.h"

namespace userctl {
namespace {

using userclient::AttemptReport;
using userclient::CallState;
using userclient::ObservedAttempt;
using userclient::ObservedCall;

/// How the attempt before this one ended.
struct LastAttempt final : CallState {
  AttemptReport report{};
};

double Milliseconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

std::string InMilliseconds(std::chrono::nanoseconds duration) {
  return DurationText(std::chrono::round<std::chrono::milliseconds>(duration));
}

std::string ResumeText(const ObservedCall& call, const ObservedAttempt& attempt, const AttemptReport& last) {
  const std::string message(last.status.message());
  return absl::StrCat("userctl: ", Printable(call.method), ": broke off after ", InMilliseconds(last.duration), " at ",
                      last.peer.empty() ? "no known server" : Printable(last.peer), ": ",
                      absl::StatusCodeToString(last.status.code()),
                      message.empty() ? "" : absl::StrCat(" \"", Printable(message), "\""), "; goes on with attempt ",
                      attempt.number + 1, ", after a wait of ", InMilliseconds(attempt.waited));
}

std::string ResumeJson(const ObservedCall& call, const ObservedAttempt& attempt, const AttemptReport& last) {
  return JsonLine({{"resume",
                    {{"method", call.method},
                     {"attempt", attempt.number + 1},
                     {"waited_ms", Milliseconds(attempt.waited)},
                     {"peer", last.peer},
                     {"lasted_ms", Milliseconds(last.duration)},
                     {"code", absl::StatusCodeToString(last.status.code())},
                     {"message", std::string(last.status.message())}}}});
}

}  // namespace

std::unique_ptr<CallState> ResumeTeller::OnCallStart(const ObservedCall& /*call*/, const userclient::CallOptions& /*options*/) {
  return std::make_unique<LastAttempt>();
}

void ResumeTeller::OnAttemptStart(const ObservedCall& call, const ObservedAttempt& attempt, CallState* state,
                                  userclient::Metadata& /*metadata*/) {
  if (attempt.reason != userclient::AttemptReason::kResume) return;
  const AttemptReport& last = static_cast<LastAttempt*>(state)->report;
  // In one piece, because other threads write too.
  std::cerr << (json_ ? ResumeJson(call, attempt, last) : ResumeText(call, attempt, last)) + "\n" << std::flush;
}

void ResumeTeller::OnAttemptEnd(const ObservedCall& /*call*/, const ObservedAttempt& /*attempt*/, const AttemptReport& report,
                                CallState* state) {
  static_cast<LastAttempt*>(state)->report = report;
}

}  // namespace userctl
