#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string_view>

#include "absl/status/status.h"
#include "global_options.h"
#include "output.h"
#include "userclient/user_client.h"

namespace userctl {

/// What every command does alike: connect, make calls that Ctrl-C cancels, tell of failures.
class Session {
 public:
  Session(const GlobalOptions& options, std::stop_token stop) : options_(options), stop_(std::move(stop)) {}

  bool json() const { return options_.json; }
  const GlobalOptions& options() const { return options_; }
  const std::stop_token& stop() const { return stop_; }
  Output& output() { return output_; }

  /// Whether to go on with the next of several calls: nobody has cancelled, and somebody still reads.
  bool ShouldGoOn() const { return output_.open() && !stop_.stop_requested(); }

  /// Blocks for so long, or until the person has cancelled.
  void Pause(std::chrono::nanoseconds duration) const;

  /// nullopt: it cannot be, and the person has been told; end with kWrongUsage.
  std::optional<userclient::UserClient> Connect(userclient::CircuitListener on_circuit_change = {});

  /// For the next call, or calls, of this session.
  userclient::CallOptions call_options();

  /// To be called after each call: with --verbose, tells what happened during it. Always, if its answer is an old one or a
  /// substitute, which nobody must take for what the server says now.
  void TellReport();

  /// Tells of a failed call. Returns the exit status for it.
  int Fail(std::string_view what, const absl::Status& status);

  /// Tells that the command cannot be carried out as it was given. Returns the exit status for it.
  int FailUsage(const absl::Status& status);

  /// The exit status of the program, from that of the command and from how writing went.
  int Finish(int exit_status) const;

 private:
  const GlobalOptions& options_;
  const std::stop_token stop_;
  Output output_;
  userclient::CallReport report_;
};

}  // namespace userctl
