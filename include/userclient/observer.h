#pragma once

/// Told of everything that a client does: every call, every attempt, every change. Logs, metrics and traces are made of it;
/// json_log.h, prometheus.h and opentelemetry.h are there already. Yours:
///
///   class SlowCalls final : public userclient::Observer {
///    public:
///     void OnCallEnd(const userclient::ObservedCall& call, const userclient::CallReport& report, const absl::Status& status,
///                    userclient::CallState* state) override {
///       if (report.duration > 100ms) std::clog << userclient::Explain(report);
///     }
///   };
///   options.observers = {std::make_shared<SlowCalls>()};
///
/// In this order, for every call:
///
///   OnCallStart ─► OnAttemptStart ─► OnAttemptEnd ─► ... ─► OnCallEnd ─► the application has its answer
///
/// with no attempt for a call that was refused, and several at a time for one that hedges.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "userclient/call_options.h"
#include "userclient/call_report.h"
#include "userclient/circuit_breaker.h"
#include "userclient/client_events.h"
#include "userclient/client_snapshot.h"

namespace userclient {

/// A client, as its observers know it: the same object from OnClientStart to OnClientEnd.
struct ObservedClient {
  /// "user.v1.UserService"
  std::string service{};
  /// ClientOptions::target; empty with a channel_factory.
  std::string target{};
  /// All that it ever calls: "user.v1.UserService/GetUser" and so on. A set small enough for labels.
  std::vector<std::string> methods{};
  /// What it is like now; nullopt once it is gone. *Thread-safe.* May be kept for as long as one likes, and does not keep the
  /// client alive.
  std::function<std::optional<ClientSnapshot>()> snapshot{};
};

/// A call, from OnCallStart to OnCallEnd.
struct ObservedCall {
  const ObservedClient& client;
  /// One of ObservedClient::methods.
  std::string_view method{};
  std::string_view compartment{};
  /// It is made by the client itself, once for all callers who ask the same at the same time (singleFlight). Their own calls are
  /// told as well, without attempts, and end with what this one brings (AnswerSource::kShared).
  bool flight = false;
};

struct ObservedAttempt {
  /// From 0, in the order in which they are sent; counts on when a stream is resumed. What the server is told of as
  /// `grpc-previous-rpc-attempts`.
  int number = 0;
  AttemptReason reason = AttemptReason::kFirst;
  /// Before it, for backoff or pushback, while no other attempt was under way.
  std::chrono::nanoseconds waited{};
};

/// What an observer wants to remember of one call: a span, for example. Its destructor is called after OnCallEnd.
class CallState {
 public:
  CallState() = default;
  CallState(const CallState&) = delete;
  CallState& operator=(const CallState&) = delete;
  virtual ~CallState() = default;
};

/// Every function does nothing unless it is overridden.
///
/// *Must be thread-safe:* calls are told on many threads at once, of one call one thing after the other. All functions are called
/// with no lock of the client's held, on the thread whose call or answer brought it about. So they must not block, or the call
/// takes that much longer. They must not throw either, none of them: an exception ends the process (std::terminate). Blocking
/// calls of the client are refused in them.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// A client has been made, and will tell of all that follows. Once for each client whose options name this observer;
  /// options that name it twice are refused.
  virtual void OnClientStart(const ObservedClient& /*client*/) {}

  /// It is gone, and this is the last that is told of it.
  virtual void OnClientEnd(const ObservedClient& /*client*/) {}

  /// On the caller's own thread, so that what is current there (a span) can be asked for. `options` are the caller's, and valid
  /// only until this returns. What it returns comes back with everything about this call; null: nothing.
  virtual std::unique_ptr<CallState> OnCallStart(const ObservedCall& /*call*/, const CallOptions& /*options*/) { return nullptr; }

  /// What is added to `metadata`, which begins with what other observers have added, goes out with this attempt. A trace context
  /// (TraceContext, as `traceparent` and `tracestate`) takes the place, as a whole, of that of the observers before this one, of
  /// the caller's and of the inbound one: of several that trace, the server is told of the last. The rules are those of
  /// CallOptions::metadata; what breaks them, and a trace context that is none, is left out, because a mistake in here must not
  /// cost a call.
  virtual void OnAttemptStart(const ObservedCall& /*call*/, const ObservedAttempt& /*attempt*/, CallState* /*state*/,
                              Metadata& /*metadata*/) {}

  /// Every attempt ends before its call does: one that is given up, such as the loser of a hedge, ends here as CANCELLED.
  virtual void OnAttemptEnd(const ObservedCall& /*call*/, const ObservedAttempt& /*attempt*/, const AttemptReport& /*report*/,
                            CallState* /*state*/) {}

  /// `report.code` and `status` are those of the call itself; `report.source` says whether something stood in for its answer. The
  /// report of a stream that lives long has its first attempt, and the latest.
  virtual void OnCallEnd(const ObservedCall& /*call*/, const CallReport& /*report*/, const absl::Status& /*status*/,
                         CallState* /*state*/) {}

  /// As CircuitListener is told.
  virtual void OnCircuitChange(const ObservedClient& /*client*/, std::string_view /*compartment*/,
                               const CircuitTransition& /*transition*/) {}

  /// As ClientListener is told.
  virtual void OnClientEvent(const ObservedClient& /*client*/, const ClientEvent& /*event*/) {}
};

/// W3C trace context (https://www.w3.org/TR/trace-context/). There is none without a `traceparent`, with two of them, and with
/// one that is not as the standard has it; a `tracestate` alone is none either. Several `tracestate` headers are one list.
struct TraceContext {
  /// Empty: there is none.
  std::string traceparent{};
  std::string tracestate{};
};

/// What a call sends if no observer adds one: the caller's own, in CallOptions::metadata, else that of the inbound call,
/// CallOptions::parent. The two are never mixed, and trace headers that are no trace context are not sent.
TraceContext InboundTrace(const CallOptions& options);

}  // namespace userclient
