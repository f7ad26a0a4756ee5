#include "call/attempt_context.h"

#include <grpc/support/time.h>
#include <grpcpp/server_context.h>

#include <iterator>
#include <string_view>
#include <utility>

#include "telemetry/trace_context.h"
#include "userclient/observer.h"

namespace userclient {
namespace internal {
namespace {

Metadata TraceHeadersOf(const grpc::ServerContextBase& parent) {
  Metadata headers;
  for (const auto& [key, value] : parent.client_metadata()) {
    const std::string_view name(key.data(), key.size());
    if (IsTraceHeader(name)) headers.emplace_back(name, std::string(value.data(), value.size()));
  }
  return headers;
}

std::multimap<std::string, std::string> Copied(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  std::multimap<std::string, std::string> copy;
  for (const auto& [key, value] : metadata)
    copy.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  return copy;
}

/// How far gRPC's monotonic clock is ahead of ours: not at all up to 1.51, by 5 s in 1.83. Both are one clock with two
/// beginnings, whole seconds apart; the time between the two readings is rounded away.
std::chrono::seconds LeadOfGrpcClock() {
  static const std::chrono::seconds lead = [] {
    while (true) {
      const TimePoint before = TimePoint::clock::now();
      const gpr_timespec theirs = gpr_now(GPR_CLOCK_MONOTONIC);
      const TimePoint ours = TimePoint::clock::now();
      // A machine that stood still in between would be a second wrong for ever.
      if (ours - before > std::chrono::milliseconds(100)) continue;
      return std::chrono::round<std::chrono::seconds>(std::chrono::seconds(theirs.tv_sec) +
                                                      std::chrono::nanoseconds(theirs.tv_nsec) - ours.time_since_epoch());
    }
  }();
  return lead;
}

}  // namespace

gpr_timespec ToTimespec(TimePoint time) {
  const auto since_boot = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  gpr_timespec timespec;
  timespec.tv_sec = (seconds + LeadOfGrpcClock()).count();
  timespec.tv_nsec = static_cast<int32_t>(Duration(since_boot - seconds).count());
  timespec.clock_type = GPR_CLOCK_MONOTONIC;
  return timespec;
}

AttemptContext::AttemptContext(const CallOptions& options, TimePoint deadline, int previous_attempts, const Metadata& added) {
  if (options.parent != nullptr) {
    inherited_ = grpc::ClientContext::FromServerContext(*options.parent);
    context_ = inherited_.get();
  } else {
    context_ = &own_.emplace();
  }
  context_->set_deadline(ToTimespec(deadline));
  for (const Metadata* const metadata : {&options.metadata, &added}) {
    for (const auto& [key, value] : *metadata) {
      if (!IsTraceHeader(key)) context_->AddMetadata(key, value);
    }
  }
  // One of them, and whole.
  TraceContext trace = TraceOf(added);
  if (trace.traceparent.empty()) trace = InboundTrace(options);
  if (!trace.traceparent.empty()) context_->AddMetadata("traceparent", trace.traceparent);
  if (!trace.tracestate.empty()) context_->AddMetadata("tracestate", trace.tracestate);
  if (previous_attempts > 0) context_->AddMetadata("grpc-previous-rpc-attempts", std::to_string(previous_attempts));
}

void AttemptContext::CancelOn(const std::stop_token& stop, const std::stop_token& shutdown) {
  if (stop.stop_possible()) cancel_on_stop_.emplace(stop, Cancel{context_});
  if (shutdown.stop_possible()) cancel_on_shutdown_.emplace(shutdown, Cancel{context_});
}

void AttemptContext::KeepPeer() { kept_peer_ = peer(); }

std::string AttemptContext::peer() const {
  if (!kept_peer_.empty()) return kept_peer_;
  std::string peer = context_->peer();
  // The target of a list of addresses, which looks like one.
  if (peer.starts_with("ipv") && peer.find(',') != std::string::npos) return {};
  for (const std::string_view scheme : {"ipv4:", "ipv6:", "unix", "vsock:", "inproc"}) {
    if (peer.starts_with(scheme)) return peer;
  }
  return {};
}

Pushback AttemptContext::pushback() const {
  const auto [first, last] = context_->GetServerTrailingMetadata().equal_range("grpc-retry-pushback-ms");
  if (first == last) return {};
  // Two answers to "when" are none that can be obeyed.
  if (std::next(first) != last) return {.stop = true};
  return ParsePushback(std::string_view(first->second.data(), first->second.size()));
}

void AttemptContext::CopyMetadata(ResponseMetadata& metadata) const {
  metadata.initial = Copied(context_->GetServerInitialMetadata());
  metadata.trailing = Copied(context_->GetServerTrailingMetadata());
}

std::optional<TimePoint> ParentDeadline(const grpc::ServerContextBase& parent, TimePoint now) {
  const gpr_timespec deadline = parent.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) return std::nullopt;
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  // Years away: as good as none, and more than nanoseconds in 64 bits can hold.
  constexpr int64_t kFarAway = 100LL * 365 * 24 * 3600;
  if (left.tv_sec > kFarAway) return std::nullopt;
  return now + std::chrono::seconds(left.tv_sec) + std::chrono::nanoseconds(left.tv_nsec);
}

bool CancelledByCaller(const CallOptions& options) {
  return options.stop.stop_requested() || (options.parent != nullptr && options.parent->IsCancelled());
}

}  // namespace internal

TraceContext InboundTrace(const CallOptions& options) {
  TraceContext own = internal::TraceOf(options.metadata);
  if (!own.traceparent.empty() || options.parent == nullptr) return own;
  return internal::TraceOf(internal::TraceHeadersOf(*options.parent));
}

}  // namespace userclient
