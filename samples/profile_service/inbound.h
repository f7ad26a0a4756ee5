#pragma once

#include <httplib.h>

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "userclient/call_options.h"

namespace profile_service {

/// How long a request may take, by the headers and by the flags.
struct TimeoutRules {
  /// Without X-Request-Timeout.
  std::chrono::nanoseconds usual = std::chrono::seconds(2);
  /// Whoever is ready to wait longer is answered within this all the same.
  std::chrono::nanoseconds longest = std::chrono::seconds(10);
};

template <class Headers>
constexpr bool kKeepsOrder = requires(const Headers& headers) {
  headers.key_comp();
};
/// Whether several headers of one name come in the order in which they were sent. With newer versions of the library they do not.
constexpr bool kHeadersKeepOrder = kKeepsOrder<httplib::Headers>;

/// An HTTP request, and what goes along with it to the calls made on its behalf.
class Inbound {
 public:
  /// `request` must live longer. `is_gone`: whether its client has left.
  Inbound(const httplib::Request& request, std::function<bool()> is_gone);

  const httplib::Request& http() const { return http_; }
  std::chrono::steady_clock::time_point arrived() const { return arrived_; }
  /// X-Request-Id, or one made here if there was none, or none that is fit for a log.
  const std::string& id() const { return id_; }
  /// Of the W3C `traceparent`; empty if the request has none that is valid.
  std::string trace_id() const;
  bool gone() const { return is_gone_(); }

  /// Options for calls that end when this request does: with its deadline, its trace context, its id. *Errors:* INVALID_ARGUMENT
  /// for an X-Request-Timeout that is no duration, or more than one.
  absl::StatusOr<userclient::CallOptions> Options(const TimeoutRules& rules, std::stop_token stop) const;

 private:
  const httplib::Request& http_;
  std::function<bool()> is_gone_;
  std::chrono::steady_clock::time_point arrived_;
  std::string id_;
};

}  // namespace profile_service
