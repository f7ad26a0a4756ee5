#include "load_tally.h"

#include <algorithm>

namespace userctl {

using userclient::AnswerSource;
using userclient::AttemptReason;
using userclient::AttemptReport;

void LoadTally::Add(const CallOutcome& outcome) {
  if (outcome.cut_off) {
    ++cut_off;
    return;
  }
  const bool succeeded = outcome.status.ok();
  ++calls;
  failed += succeeded ? 0 : 1;
  Kind& kind = kinds[outcome.kind];
  ++kind.calls;
  kind.failed += succeeded ? 0 : 1;
  Code& code = codes[outcome.status.code()];
  if (++code.calls == 1 && !succeeded) {
    code.message = std::string(outcome.status.message());
    code.report = outcome.report;
  }
  const std::optional<userclient::Rejection> rejection = userclient::RejectionOf(outcome.status);
  if (rejection) ++rejections[*rejection];

  const userclient::CallReport& report = outcome.report;
  const bool stands_in = report.source == AnswerSource::kStale || report.source == AnswerSource::kFallback;
  if (report.source != AnswerSource::kServer) ++substitutes[report.source];
  // The attempts of a shared answer are those of the call that it is shared with.
  const bool stumbled = report.source != AnswerSource::kShared && AddAttempts(report);
  if (succeeded && stumbled && !stands_in) ++rescued;

  if (rejection) return;
  const bool is_slowest = outcome.latency > std::max(ok_latency.max(), failed_latency.max());
  if (!slowest || is_slowest) slowest = report;
  (succeeded ? ok_latency : failed_latency).Add(outcome.latency);
}

bool LoadTally::AddAttempts(const userclient::CallReport& report) {
  if (report.attempts.empty()) return false;
  ++attempts_of_calls[static_cast<int64_t>(report.attempts.size())];
  bool one_failed = false;
  for (const AttemptReport& attempt : report.attempts) {
    ++attempts;
    if (attempt.reason != AttemptReason::kFirst) ++further_attempts[attempt.reason];
    Server& server = servers[attempt.peer];
    ++server.attempts;
    // A hedge that lost has not failed.
    const bool lost = report.code == absl::StatusCode::kOk && absl::IsCancelled(attempt.status);
    if (attempt.status.ok() || lost) continue;
    ++server.failed;
    one_failed = true;
  }
  return one_failed;
}

int64_t LoadTally::refused() const {
  int64_t sum = 0;
  for (const auto& [rejection, count] : rejections) sum += count;
  return sum;
}

absl::StatusCode LoadTally::CommonestFailure() const {
  absl::StatusCode commonest = absl::StatusCode::kOk;
  int64_t most = 0;
  for (const auto& [code, count] : codes) {
    if (code == absl::StatusCode::kOk || count.calls <= most) continue;
    commonest = code;
    most = count.calls;
  }
  return commonest;
}

}  // namespace userctl
