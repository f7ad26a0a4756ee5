#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>

#include "diagnosis/probe_address.h"

namespace userclient::internal {

/// A connection of a diagnosis: one thread, one deadline for everything. A stop that is requested is as good as the deadline.
class ProbeConnection {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Connects. *Blocks* until the deadline at most.
  ProbeConnection(const ProbeAddress& address, TimePoint deadline, std::stop_token stop);
  ~ProbeConnection();
  ProbeConnection(const ProbeConnection&) = delete;
  ProbeConnection& operator=(const ProbeConnection&) = delete;

  /// Why it could not connect, as errno has it; ETIMEDOUT at the deadline; 0 if it is connected.
  int error() const { return error_; }

  /// False if the other side takes nothing.
  bool Write(std::string_view bytes);
  /// At least `size` bytes, or fewer if the other side closes the connection or the deadline comes first.
  std::string Read(size_t size);
  /// Whether the last Read met the deadline.
  bool timed_out() const { return timed_out_; }

 private:
  /// False at the deadline.
  bool Await(short events);  // NOLINT(google-runtime-int): as poll has it

  const TimePoint deadline_;
  const std::stop_token stop_;
  int descriptor_ = -1;
  int error_ = 0;
  bool timed_out_ = false;
};

/// What a server says to a client that begins to speak HTTP/2.
enum class Greeting {
  kHttp2,
  /// A record of TLS.
  kTls,
  kSomethingElse,
  /// It closes the connection.
  kNothing,
  kSilence,
};

/// How a client begins to speak HTTP/2: its preface and empty settings.
std::string_view Http2Preface();

/// How many bytes a greeting needs to be told from others.
inline constexpr size_t kGreetingSize = 9;
Greeting GreetingOf(std::string_view bytes, bool timed_out);

}  // namespace userclient::internal
