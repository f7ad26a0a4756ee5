#include "live_figures.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace profile_service {
namespace {

constexpr std::size_t kEvents = 50;
constexpr int64_t kRecentSeconds = 10;

int64_t NowInSeconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string NowAsText() { return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()); }

/// The same codes as are 4xx over HTTP (failure.h).
bool IsDeclined(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return true;
    default:
      return false;
  }
}

Json OrNull(std::optional<double> value) { return value ? Json(*value) : Json(nullptr); }

std::string Describe(const userclient::CircuitTransition& transition) {
  std::string text =
      absl::StrCat(std::string(CircuitStateName(transition.from)), " → ", std::string(CircuitStateName(transition.to)), ": ",
                   std::string(CircuitCauseName(transition.cause)));
  if (transition.calls > 0) {
    absl::StrAppendFormat(&text, " (%d of %d calls failed", transition.failures, transition.calls);
    if (transition.slow_calls > 0) absl::StrAppendFormat(&text, ", %d were slow", transition.slow_calls);
    absl::StrAppend(&text, ")");
  }
  if (transition.open_for > std::chrono::nanoseconds::zero()) {
    absl::StrAppend(&text, "; tries again in ",
                    absl::FormatDuration(absl::Ceil(absl::FromChrono(transition.open_for), absl::Milliseconds(100))));
  }
  return text;
}

/// How loudly an event is to be shown.
const char* SeverityOf(userclient::CircuitState state) {
  switch (state) {
    case userclient::CircuitState::kClosed:
      return "good";
    case userclient::CircuitState::kOpen:
    case userclient::CircuitState::kForcedOpen:
      return "bad";
    case userclient::CircuitState::kHalfOpen:
    case userclient::CircuitState::kForcedClosed:
      return "warning";
  }
  return "warning";
}

const char* SeverityOf(userclient::ClientEvent::Kind kind) {
  using Kind = userclient::ClientEvent::Kind;
  switch (kind) {
    case Kind::kConfigRefused:
    case Kind::kCredentialsRefused:
    case Kind::kLookupFailed:
    case Kind::kRenewalDelayed:
      return "warning";
    case Kind::kConfigReloaded:
    case Kind::kCredentialsReloaded:
    case Kind::kEndpointsChanged:
    case Kind::kChannelsRenewed:
      return "info";
  }
  return "info";
}

}  // namespace

void LiveFigures::Second::Add(const Second& other) {
  calls += other.calls;
  failed += other.failed;
  declined += other.declined;
  rejected += other.rejected;
  cancelled += other.cancelled;
  attempts += other.attempts;
  failed_attempts += other.failed_attempts;
  latency.Add(other.latency);
}

LiveFigures::Second& LiveFigures::Present(std::string_view compartment) {
  auto found = compartments_.find(compartment);
  if (found == compartments_.end()) found = compartments_.try_emplace(std::string(compartment)).first;
  const int64_t now = NowInSeconds();
  Second& second = found->second[static_cast<std::size_t>(now) % kSeconds];
  if (second.number != now) second = {.number = now};
  return second;
}

LiveFigures::EndpointSecond& LiveFigures::PresentOf(const std::string& peer) {
  const int64_t now = NowInSeconds();
  auto found = endpoints_.find(peer);
  if (found == endpoints_.end()) {
    std::erase_if(endpoints_, [now](const auto& endpoint) {
      return std::all_of(endpoint.second.begin(), endpoint.second.end(),
                         [now](const EndpointSecond& second) { return second.number <= now - static_cast<int64_t>(kSeconds); });
    });
    found = endpoints_.try_emplace(endpoints_.size() < kMostEndpoints ? peer : kOthers).first;
  }
  EndpointSecond& second = found->second[static_cast<std::size_t>(now) % kSeconds];
  if (second.number != now) second = {.number = now};
  return second;
}

void LiveFigures::OnAttemptEnd(const userclient::ObservedCall& call, const userclient::ObservedAttempt& /*attempt*/,
                               const userclient::AttemptReport& report, userclient::CallState* /*state*/) {
  const std::lock_guard lock(mutex_);
  Second& present = Present(call.compartment);
  ++present.attempts;
  // Also what was given up for the sake of another attempt, or of the caller.
  const bool failed = !report.status.ok() && report.status.code() != absl::StatusCode::kCancelled;
  if (failed) ++present.failed_attempts;
  // gRPC does not say where an attempt was that nobody answered.
  const bool against_server = failed && !IsDeclined(report.status);
  if (report.peer.empty() && !against_server) return;
  EndpointSecond& endpoint = PresentOf(report.peer);
  ++endpoint.attempts;
  if (against_server) ++endpoint.failed;
  endpoint.took += report.duration;
}

void LiveFigures::OnCallEnd(const userclient::ObservedCall& call, const userclient::CallReport& report,
                            const absl::Status& status, userclient::CallState* /*state*/) {
  // The calls that it is made for are told themselves.
  if (call.flight) return;
  const std::lock_guard lock(mutex_);
  Second& present = Present(call.compartment);
  ++present.calls;
  if (report.end == userclient::CallEnd::kCancelled) {
    ++present.cancelled;
    return;
  }
  if (!status.ok()) ++present.failed;
  if (!report.rejection && IsDeclined(status)) ++present.declined;
  if (report.rejection) {
    ++present.rejected;
  } else {
    present.latency.Add(report.duration);
  }
}

void LiveFigures::OnCircuitChange(const userclient::ObservedClient& /*client*/, std::string_view compartment,
                                  const userclient::CircuitTransition& transition) {
  Note({{"time", NowAsText()},
        {"kind", "circuit"},
        {"severity", SeverityOf(transition.to)},
        {"subject", std::string(compartment)},
        {"text", Describe(transition)}});
}

void LiveFigures::OnClientEvent(const userclient::ObservedClient& /*client*/, const userclient::ClientEvent& event) {
  Note({{"time", NowAsText()},
        {"kind", std::string(ClientEventLabel(event.kind))},
        {"severity", SeverityOf(event.kind)},
        {"subject", event.subject},
        {"text", userclient::Describe(event)}});
}

void LiveFigures::Note(Json event) {
  const std::lock_guard lock(mutex_);
  events_.push_front(std::move(event));
  if (events_.size() > kEvents) events_.pop_back();
}

Json LiveFigures::SeriesJson(const std::string& name, const Series& series, int64_t now) {
  Json json = {{"name", name},
               {"calls", Json::array()},
               {"failed", Json::array()},
               {"declined", Json::array()},
               {"rejected", Json::array()},
               {"cancelled", Json::array()},
               {"attempts", Json::array()},
               {"p50", Json::array()},
               {"p99", Json::array()}};
  Second recent;
  const Second nothing;
  for (int64_t number = now - static_cast<int64_t>(kSeconds) + 1; number < now; ++number) {
    const Second& kept = series[static_cast<std::size_t>(number) % kSeconds];
    const Second& second = kept.number == number ? kept : nothing;
    json["calls"].push_back(second.calls);
    json["failed"].push_back(second.failed);
    json["declined"].push_back(second.declined);
    json["rejected"].push_back(second.rejected);
    json["cancelled"].push_back(second.cancelled);
    json["attempts"].push_back(second.attempts);
    json["p50"].push_back(OrNull(second.latency.Percentile(0.5)));
    json["p99"].push_back(OrNull(second.latency.Percentile(0.99)));
    if (number >= now - kRecentSeconds) recent.Add(second);
  }
  json["recent"] = {{"seconds", kRecentSeconds},
                    {"calls", recent.calls},
                    {"failed", recent.failed},
                    {"declined", recent.declined},
                    {"rejected", recent.rejected},
                    {"cancelled", recent.cancelled},
                    {"attempts", recent.attempts},
                    {"failed_attempts", recent.failed_attempts},
                    {"p50", OrNull(recent.latency.Percentile(0.5))},
                    {"p99", OrNull(recent.latency.Percentile(0.99))}};
  return json;
}

Json LiveFigures::EndpointJson(const std::string& peer, const EndpointSeries& series, int64_t now) {
  Json json = {{"peer", peer}, {"attempts", Json::array()}, {"failed", Json::array()}};
  int64_t attempts = 0;
  int64_t failed = 0;
  std::chrono::duration<double, std::milli> took{};
  for (int64_t number = now - static_cast<int64_t>(kSeconds) + 1; number < now; ++number) {
    const EndpointSecond& kept = series[static_cast<std::size_t>(number) % kSeconds];
    const EndpointSecond second = kept.number == number ? kept : EndpointSecond{};
    json["attempts"].push_back(second.attempts);
    json["failed"].push_back(second.failed);
    if (number < now - kRecentSeconds) continue;
    attempts += second.attempts;
    failed += second.failed;
    took += second.took;
  }
  json["recent"] = {{"seconds", kRecentSeconds},
                    {"attempts", attempts},
                    {"failed", failed},
                    {"mean", attempts == 0 ? Json(nullptr) : Json(took.count() / static_cast<double>(attempts))}};
  return json;
}

Json LiveFigures::ToJson() const {
  std::map<std::string, Series, std::less<>> compartments;
  std::map<std::string, EndpointSeries> endpoints;
  std::deque<Json> events;
  {
    const std::lock_guard lock(mutex_);
    compartments = compartments_;
    endpoints = endpoints_;
    events = events_;
  }
  const int64_t now = NowInSeconds();
  Series all;
  Json by_name = Json::array();
  for (const auto& [name, series] : compartments) {
    by_name.push_back(SeriesJson(name, series, now));
    for (std::size_t i = 0; i < kSeconds; ++i) {
      if (series[i].number <= now - static_cast<int64_t>(kSeconds)) continue;
      all[i].number = series[i].number;
      all[i].Add(series[i]);
    }
  }
  Json by_peer = Json::array();
  for (const auto& [peer, series] : endpoints) {
    const bool used = std::any_of(series.begin(), series.end(), [now](const EndpointSecond& second) {
      return second.number > now - static_cast<int64_t>(kSeconds);
    });
    if (used) by_peer.push_back(EndpointJson(peer, series, now));
  }
  return {{"newest", now - 1},
          {"all", SeriesJson("all", all, now)},
          {"compartments", std::move(by_name)},
          {"endpoints", std::move(by_peer)},
          {"events", events}};
}

}  // namespace profile_service
