#pragma once

#include "absl/status/status.h"
#include "userclient/call_report.h"
#include "userclient/rejection.h"

namespace userclient::internal {

/// What ReportOf and RejectionOf read back. `status` must not be OK: an OK status carries nothing.
void AttachReport(const CallReport& report, absl::Status& status);
void AttachRejection(Rejection rejection, std::optional<std::chrono::nanoseconds> retry_after, absl::Status& status);

}  // namespace userclient::internal
