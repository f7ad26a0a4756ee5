// What a status carries for ReportOf, RejectionOf, RetryAfterOf and BatchPositionOf comes back the same, or not at all.

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/cord.h"
#include "call/status_payloads.h"
#include "tests/fuzz/fuzz_target.h"
#include "userclient/user_batch.h"

namespace userclient::fuzz {
namespace {

absl::Status StatusWith(const char* payload, std::string_view content) {
  absl::Status status(absl::StatusCode::kUnavailable, "no");
  status.SetPayload(payload, absl::Cord(std::string(content)));
  return status;
}

void FeedReport(std::string_view bytes) {
  const std::optional<CallReport> report = ReportOf(StatusWith("userclient/call-report", bytes));
  if (!report) return;
  absl::Status carrier = absl::UnavailableError("no");
  internal::AttachReport(*report, carrier);
  const std::optional<CallReport> again = ReportOf(carrier);
  Require(again.has_value(), "a report that was read can be read again");
  Require(again->attempts.size() == report->attempts.size() && again->code == report->code && again->end == report->end,
          "a report comes back the same");
  Require(Explain(*again) == Explain(*report), "a report explains itself the same", Explain(*report));
}

void FeedRejection(std::string_view bytes) {
  const std::optional<Rejection> rejection = RejectionOf(StatusWith("userclient/rejection", bytes));
  if (!rejection) return;
  Require(RejectionName(*rejection) != "unknown", "a rejection is one of those that there are", bytes);
  absl::Status carrier = absl::UnavailableError("no");
  internal::AttachRejection(*rejection, std::nullopt, carrier);
  Require(RejectionOf(carrier) == rejection, "a rejection comes back the same", bytes);
}

void FeedRetryAfter(std::string_view bytes) {
  const auto retry_after = RetryAfterOf(StatusWith("userclient/retry-after-ns", bytes));
  if (!retry_after) return;
  absl::Status carrier = absl::UnavailableError("no");
  internal::AttachRejection(Rejection::kCircuitOpen, retry_after, carrier);
  Require(RetryAfterOf(carrier) == retry_after, "a wait comes back the same", bytes);
}

void FeedBatchPosition(std::string_view bytes) {
  const std::optional<BatchPosition> position = BatchPositionOf(StatusWith("userclient/batch-position", bytes));
  if (!position) return;
  Require(position->next >= 0 && position->next <= position->sent, "nothing is settled that was not sent", bytes);
  Require(position->created >= 0 && position->failed >= 0, "numbers of users are not negative", bytes);
  Require(bytes.ends_with(position->key_prefix), "the keys stay", bytes);
}

}  // namespace

void Feed(std::string_view bytes) {
  FeedReport(bytes);
  FeedRejection(bytes);
  FeedRetryAfter(bytes);
  FeedBatchPosition(bytes);
}

}  // namespace userclient::fuzz
