#include "tally.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace demo {
namespace {

/// `UNAVAILABLE "Socket closed"`, without what differs from call to call.
std::string ErrorText(const absl::Status& status) {
  std::string message(status.message());
  message = message.substr(0, message.find_first_of(";\n"));
  constexpr size_t kLongest = 60;
  if (message.size() > kLongest) message = message.substr(0, kLongest) + "...";
  return absl::StrCat(absl::StatusCodeToString(status.code()), " \"", message, "\"");
}

template <typename Key>
void AddCounts(const std::map<Key, int64_t>& from, std::map<Key, int64_t>& to) {
  for (const auto& [key, count] : from) to[key] += count;
}

}  // namespace

std::chrono::nanoseconds Tally::Percentile(double share) const {
  if (durations.empty()) return {};
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(durations.size())));
  return durations[std::clamp<size_t>(rank, 1, durations.size()) - 1];
}

void Tally::Add(const Tally& other) {
  calls += other.calls;
  failed += other.failed;
  attempts += other.attempts;
  rescued += other.rescued;
  attempts_timed_out += other.attempts_timed_out;
  AddCounts(other.answered_by, answered_by);
  AddCounts(other.attempts_at, attempts_at);
  AddCounts(other.call_errors, call_errors);
  AddCounts(other.attempt_errors, attempt_errors);
  durations.insert(durations.end(), other.durations.begin(), other.durations.end());
  std::sort(durations.begin(), durations.end());
}

Tally TallyOf(const std::vector<Outcome>& outcomes) {
  Tally tally;
  for (const Outcome& outcome : outcomes) {
    ++tally.calls;
    tally.attempts += static_cast<int64_t>(outcome.attempts.size());
    tally.durations.push_back(outcome.duration);
    for (const Attempt& attempt : outcome.attempts) {
      ++tally.attempts_at[attempt.peer];
      if (!attempt.status.ok()) ++tally.attempt_errors[ErrorText(attempt.status)];
      if (absl::IsDeadlineExceeded(attempt.status)) ++tally.attempts_timed_out;
    }
    if (outcome.status.ok()) {
      ++tally.answered_by[outcome.served_by];
      if (outcome.attempts.size() > 1) ++tally.rescued;
    } else {
      ++tally.failed;
      std::string text = ErrorText(outcome.status);
      if (!outcome.gave_up_because.empty()) absl::StrAppend(&text, " (", outcome.gave_up_because, ")");
      ++tally.call_errors[text];
    }
  }
  std::sort(tally.durations.begin(), tally.durations.end());
  return tally;
}

}  // namespace demo
