#include "session.h"

#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "connect.h"
#include "exit_status.h"
#include "failure.h"
#include "hint.h"
#include "printable.h"
#include "userclient/call_report.h"

namespace userctl {
namespace {

constexpr char kProgram[] = "userctl: ";

}  // namespace

std::optional<userclient::UserClient> Session::Connect() {
  absl::StatusOr<userclient::UserClient> client = userctl::Connect(options_);
  if (client.ok()) return *std::move(client);
  FailUsage(client.status());
  return std::nullopt;
}

userclient::CallOptions Session::call_options() {
  return {.timeout = options_.timeout, .stop = stop_, .report = options_.verbose ? &report_ : nullptr};
}

void Session::TellReport() {
  // Empty: no call since the last time, or no --verbose.
  if (report_.method.empty()) return;
  if (!options_.json) {
    std::cerr << userclient::Explain(Printable(report_)) << std::endl;
  } else if (report_.code == absl::StatusCode::kOk) {  // A failure brings its report along.
    std::cerr << ReportJson(report_) << std::endl;
  }
  report_ = {};
}

int Session::Fail(std::string_view what, const absl::Status& status) {
  const std::string hint = HintFor(status, options_);
  std::cerr << (options_.json ? FailureJson(what, status, hint) : kProgram + FailureText(what, status, hint)) << std::endl;
  return ExitStatusOf(status.code());
}

int Session::FailUsage(const absl::Status& status) {
  const std::string message(status.message());
  if (options_.json) {
    std::cerr << FailureJson("", status, "") << std::endl;
    return kWrongUsage;
  }
  std::cerr << kProgram;
  // Several mistakes in a file come as several lines.
  const std::vector<std::string> lines = absl::StrSplit(message, '\n');
  for (const std::string& line : lines) std::cerr << Printable(line) << '\n';
  std::cerr << std::flush;
  return kWrongUsage;
}

int Session::Finish(int exit_status) const {
  if (output_.open() || output_.error() == EPIPE) return exit_status;
  std::cerr << kProgram << "cannot write to standard output: " << std::strerror(output_.error()) << std::endl;
  return exit_status == kSuccess ? kCannotWrite : exit_status;
}

}  // namespace userctl
