#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "commands.h"
#include "connect.h"
#include "duration.h"
#include "endpoint_checks.h"
#include "exit_status.h"
#include "json_line.h"
#include "option_checks.h"
#include "printable.h"
#include "userclient/endpoint_lookup.h"

namespace userctl {
namespace {

using nlohmann::ordered_json;
using userclient::EndpointLookup;

constexpr std::chrono::nanoseconds kLookupTimeout = std::chrono::seconds(5);

struct ResolveOptions {
  std::string service{};
  bool names_only = false;
  bool watch = false;
  std::chrono::nanoseconds interval = std::chrono::seconds(5);
};

const char* FamilyName(const Endpoint& endpoint) { return endpoint.is_ipv6 ? "ipv6" : "ipv4"; }

ordered_json ToJson(const Endpoint& endpoint) {
  ordered_json json = {{"address", endpoint.address}, {"family", FamilyName(endpoint)}};
  if (!endpoint.health.empty()) json["health"] = endpoint.health;
  if (!endpoint.reason.empty()) json["reason"] = endpoint.reason;
  return json;
}

/// Columns that fit every IPv4 address; longer ones push the rest aside.
std::string ToText(const Endpoint& endpoint) {
  std::string text = absl::StrFormat("%-21s  %s", endpoint.address, FamilyName(endpoint));
  if (!endpoint.health.empty()) absl::StrAppend(&text, "    ", endpoint.health);
  if (!endpoint.reason.empty()) absl::StrAppend(&text, ": ", Printable(endpoint.reason));
  return text;
}

std::string Header(const ResolveOptions& options) {
  return absl::StrFormat("%-21s  %s%s", "ADDRESS", "FAMILY", options.names_only ? "" : "  HEALTH");
}

/// Looks the name up, and at the servers behind it.
class Observer {
 public:
  Observer(const ResolveOptions& options, const Session& session, EndpointLookup lookup)
      : options_(options),
        session_(session),
        lookup_(std::move(lookup)),
        checks_(session.options(), lookup_.host(), options.service) {}

  const std::string& host() const { return lookup_.host(); }

  /// *Errors:* of the lookup only.
  absl::StatusOr<std::vector<Endpoint>> Observe() {
    const absl::StatusOr<userclient::Endpoints> found =
        lookup_.Look(session_.options().timeout.value_or(kLookupTimeout), session_.stop());
    if (!found.ok()) return found.status();
    std::vector<Endpoint> endpoints = EndpointsAt(*found, lookup_.port());
    if (!options_.names_only) unusable_ = checks_.Check(endpoints, session_.stop());
    return endpoints;
  }

  /// Why the servers cannot be asked at all: what the flags name is of no use.
  const absl::Status& unusable() const { return unusable_; }

 private:
  const ResolveOptions& options_;
  const Session& session_;
  EndpointLookup lookup_;
  EndpointChecks checks_;
  absl::Status unusable_;
};

int ShowOnce(const ResolveOptions& options, Observer& observer, Session& session) {
  const absl::StatusOr<std::vector<Endpoint>> endpoints = observer.Observe();
  if (!observer.unusable().ok()) return session.FailUsage(observer.unusable());
  if (!endpoints.ok()) return session.Fail(absl::StrCat("resolve ", observer.host()), endpoints.status());
  if (!session.json()) session.output().Line(Header(options));
  for (const Endpoint& endpoint : *endpoints)
    session.output().Line(session.json() ? JsonLine(ToJson(endpoint)) : ToText(endpoint));
  return kSuccess;
}

/// Tells what is different from the last time, one line for each address.
class ChangeLog {
 public:
  explicit ChangeLog(Session& session) : session_(session) {}

  void Note(const std::vector<Endpoint>& endpoints) {
    std::map<std::string, Endpoint> now;
    for (const Endpoint& endpoint : endpoints) {
      const auto before = known_.find(endpoint.address);
      if (before == known_.end()) {
        Tell("added", '+', endpoint);
      } else if (before->second.health != endpoint.health) {
        Tell("changed", '~', endpoint);
      }
      now.emplace(endpoint.address, endpoint);
    }
    for (const auto& [address, endpoint] : known_) {
      if (!now.contains(address)) Tell("removed", '-', {.address = address, .is_ipv6 = endpoint.is_ipv6});
    }
    known_ = std::move(now);
  }

 private:
  void Tell(const char* change, char sign, const Endpoint& endpoint) {
    const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
    if (!session_.json()) {
      session_.output().Line(absl::StrFormat("%s  %c %s", time, sign, ToText(endpoint)));
      return;
    }
    ordered_json json = {{"time", time}, {"change", change}};
    json.update(ToJson(endpoint));
    session_.output().Line(JsonLine(json));
  }

  Session& session_;
  std::map<std::string, Endpoint> known_;
};

int Watch(const ResolveOptions& options, Observer& observer, Session& session) {
  ChangeLog log(session);
  absl::Status told;
  int exit_status = kSuccess;
  while (true) {
    const absl::StatusOr<std::vector<Endpoint>> endpoints = observer.Observe();
    if (!observer.unusable().ok()) return session.FailUsage(observer.unusable());
    // What a cancelled look has seen says nothing about the servers.
    if (session.stop().stop_requested()) return exit_status;
    if (endpoints.ok()) {
      log.Note(*endpoints);
      exit_status = kSuccess;
    } else if (endpoints.status() != told) {
      exit_status = session.Fail(absl::StrCat("resolve ", observer.host()), endpoints.status());
    }
    told = endpoints.status();
    if (!session.output().open()) return exit_status;
    session.Pause(options.interval);
    if (session.stop().stop_requested()) return exit_status;
  }
}

int Resolve(const ResolveOptions& options, Session& session) {
  if (const absl::Status status = CheckHasTarget(session.options()); !status.ok()) return session.FailUsage(status);
  absl::StatusOr<EndpointLookup> lookup = EndpointLookup::Create(session.options().target);
  if (!lookup.ok()) return session.FailUsage(lookup.status());
  Observer observer(options, session, *std::move(lookup));
  return options.watch ? Watch(options, observer, session) : ShowOnce(options, observer, session);
}

}  // namespace

void AddResolveCommand(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ResolveOptions>();
  CLI::App* resolve = app.add_subcommand(
      "resolve", "Show every address behind the host name in the target, and whether the server there takes calls");
  CLI::Option* service =
      resolve
          ->add_option("SERVICE", options->service,
                       "Ask about this service, for example user.v1.UserService; without it, about the server as a whole")
          ->check(Text());
  resolve->add_flag("--names-only", options->names_only, "Look the name up and call nobody")->excludes(service);
  CLI::Option* watch = resolve->add_flag("--watch", options->watch,
                                         "Go on until Ctrl-C: a line for each address that comes (+), goes (-) or changes (~)");
  resolve
      ->add_option_function<std::string>(
          "--interval",
          [options](const std::string& text) {
            const absl::StatusOr<std::chrono::nanoseconds> interval = ParseDuration(text);
            if (!interval.ok()) throw CLI::ValidationError("--interval", std::string(interval.status().message()));
            options->interval = *interval;
          },
          "Of --watch: the time between two looks; 5s by default")
      ->needs(watch)
      ->type_name("D");
  resolve->footer(
      "HEALTH is what grpc.health.v1 says: SERVING, NOT_SERVING or SERVICE_UNKNOWN; NO_HEALTH_SERVICE if the server has none;\n"
      "UNREACHABLE, with the reason, if it gives no answer. --timeout is for each lookup and for each server. With TLS, every\n"
      "server must show a certificate for the name in the target.\n\n"
      "Exit status: 0 if the name has addresses, whatever their health; else 69 for a name that does not exist or has none, 78\n"
      "for a name server that fails or cannot be reached, 71 for one that refuses, 68 for one that is silent. After Ctrl-C\n"
      "--watch ends with that of its last look.\n\n"
      "Examples:\n"
      "  userctl --target dns:///users.example.com:50051 resolve\n"
      "  userctl --target dns://10.0.0.53:53/users.example.com:50051 --json resolve user.v1.UserService --watch --interval 1s");
  resolve->callback([options, &chosen] { chosen = [options](Session& session) { return Resolve(*options, session); }; });
}

}  // namespace userctl
