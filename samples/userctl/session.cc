#include "session.h"

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <iostream>
#include <mutex>
#include <string>
#include <utility>
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

/// In one piece, so that what other threads tell meanwhile (--verbose) does not come between.
void TellLine(const std::string& line) { std::cerr << line + "\n" << std::flush; }

}  // namespace

std::optional<userclient::UserClient> Session::Connect(userclient::CircuitListener on_circuit_change) {
  absl::StatusOr<userclient::UserClient> client = userctl::Connect(options_, std::move(on_circuit_change));
  if (client.ok()) return *std::move(client);
  FailUsage(client.status());
  return std::nullopt;
}

void Session::Pause(std::chrono::nanoseconds duration) const {
  std::mutex mutex;
  std::condition_variable_any cancelled;
  std::unique_lock lock(mutex);
  cancelled.wait_for(lock, stop_, duration, [] { return false; });
}

userclient::CallOptions Session::call_options() { return {.timeout = options_.timeout, .stop = stop_, .report = &report_}; }

void Session::TellReport() {
  // Empty: no call since the last time.
  if (report_.method.empty()) return;
  const bool stood_in = StoodIn(report_);
  if (options_.json) {
    // A failure brings its report along.
    const bool comes_later = report_.code != absl::StatusCode::kOk && !stood_in;
    if (stood_in || (options_.verbose && !comes_later)) TellLine(ReportJson(report_));
  } else if (options_.verbose) {
    TellLine(userclient::Explain(Printable(report_)));
  } else if (stood_in) {
    TellLine(kProgram + StandInText(report_));
  }
  report_ = {};
}

int Session::Fail(std::string_view what, const absl::Status& status) {
  const std::string hint = HintFor(status, options_);
  TellLine(options_.json ? FailureJson(what, status, hint) : kProgram + FailureText(what, status, hint));
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
