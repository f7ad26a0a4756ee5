#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "userclient/call_report.h"

namespace userctl {

/// A call that failed, for people: `WHAT: NOT_FOUND: no user "u-9"`, then lines for the fields that the server finds wrong
/// (unless its message names them) and for the hint, if there are any. No newline at the end.
std::string FailureText(std::string_view what, const absl::Status& status, std::string_view hint);

/// The same for programs: {"error": {"command", "code", "message", "details", "rejection", "hint", "report"}} on one line; what
/// does not apply, or is empty, is left out.
std::string FailureJson(std::string_view what, const absl::Status& status, std::string_view hint);

/// {"report": {...}} on one line.
std::string ReportJson(const userclient::CallReport& report);

/// Whether something else stood in for the answer of a call that failed.
bool StoodIn(const userclient::CallReport& report);

/// Tells of that in one line: `user.v1.UserService/GetUser: UNAVAILABLE, answered from the cache, 12 s old`.
std::string StandInText(const userclient::CallReport& report);

}  // namespace userctl
