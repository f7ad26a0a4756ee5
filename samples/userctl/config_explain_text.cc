#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "channel_view.h"
#include "config_explain.h"
#include "duration.h"
#include "method_view.h"
#include "printable.h"
#include "status_code_names.h"
#include "text_table.h"

namespace userctl {
namespace {

using userclient::AdaptiveLimitOptions;
using userclient::BulkheadConfig;
using userclient::CircuitBreakerOptions;
using userclient::ServiceConfig;

constexpr char kDefault[] = "default";

/// A number and its unit, which no line end may part.
std::string Together(std::string_view text) { return absl::StrReplaceAll(std::string(text), {{" ", TextTable::kNoBreak}}); }

std::string Text(std::chrono::nanoseconds duration) { return Together(DurationText(duration)); }

template <typename Number>
std::string Percent(Number percent) {
  return Together(absl::StrCat(percent, " %"));
}

std::string Bytes(int64_t bytes) {
  constexpr int64_t kMiB = 1 << 20;
  return Together(bytes >= kMiB && bytes % kMiB == 0 ? absl::StrCat(bytes / kMiB, " MiB") : absl::StrCat(bytes, " bytes"));
}

/// "UNAVAILABLE or ABORTED"
std::string AnyOf(const userclient::StatusCodeSet& codes) { return absl::StrJoin(NamesOf(codes), " or "); }

/// `text`, and how an entry names the method where it does not do so itself.
template <typename Entry>
std::string Marked(const std::string& text, const Applied<Entry>& applied) {
  if (applied.named_by == "service") return text + "\n(by service)";
  if (applied.named_by == "all") return text + "\n(for all)";
  return text;
}

template <typename Entry>
std::string From(const Applied<Entry>& applied) {
  return applied.entry == nullptr ? kDefault : Marked(applied.path, applied);
}

// ---- Methods

std::string MethodText(const MethodView& method) {
  std::string text = method.name;
  if (method.client_streaming && method.server_streaming) return text + "\n(two-way stream)";
  if (method.client_streaming) return text + "\n(client stream)";
  if (method.server_streaming) return text + "\n(server stream)";
  return text;
}

std::string DeadlineText(const MethodView& method) {
  return absl::StrCat(Text(method.timeout()), method.has_timeout() ? "" : ", default");
}

std::string BackoffText(const userclient::RetryPolicy& retries) {
  std::string text = absl::StrCat("after ", Text(std::min(retries.initial_backoff, retries.max_backoff)));
  if (retries.initial_backoff >= retries.max_backoff || retries.backoff_multiplier == 1) return text;
  return absl::StrCat(text, ", x", retries.backoff_multiplier, " each time, at most ", Text(retries.max_backoff));
}

std::string RetriesText(const userclient::RetryPolicy& retries) {
  std::string text = absl::StrCat("up to ", retries.max_attempts);
  if (retries.per_attempt_recv_timeout) absl::StrAppend(&text, ", each ", Text(*retries.per_attempt_recv_timeout));
  return absl::StrCat(text, "; retries ", AnyOf(retries.retryable_status_codes), " ", BackoffText(retries));
}

std::string HedgingText(const userclient::HedgingPolicy& hedging, const Applied<userclient::MethodExtras>& extras) {
  std::string text = absl::StrCat("up to ", hedging.max_attempts, ", hedged: ");
  if (hedging.hedging_delay == std::chrono::nanoseconds::zero()) {
    absl::StrAppend(&text, "all at once");
  } else {
    absl::StrAppend(&text, "the next ", Text(hedging.hedging_delay), " after the last");
  }
  if (extras.entry != nullptr && extras.entry->hedging_delay_percentile) {
    absl::StrAppend(&text, ", or sooner, when slower than ", Percent(*extras.entry->hedging_delay_percentile * 100),
                    " of the calls of late, by ", extras.path);
  }
  if (!hedging.non_fatal_status_codes.empty()) {
    absl::StrAppend(&text, "; at once after ", AnyOf(hedging.non_fatal_status_codes));
  }
  return text;
}

std::string AttemptsText(const MethodView& method) {
  if (const userclient::RetryPolicy* const retries = method.retries()) return RetriesText(*retries);
  if (const userclient::HedgingPolicy* const hedging = method.hedging()) return HedgingText(*hedging, method.extras);
  return "1";
}

TextTable MethodTable(const std::vector<MethodView>& methods) {
  TextTable table;
  table.Add({"METHOD", "DEADLINE", "ATTEMPTS", "COMPARTMENT", "FROM"});
  for (const MethodView& method : methods) {
    const std::string compartment =
        method.bulkhead.entry == nullptr ? kDefault : Marked(method.bulkhead.entry->name, method.bulkhead);
    table.Add({MethodText(method), DeadlineText(method), AttemptsText(method), compartment, From(method.config)});
  }
  return table;
}

// ---- Answers that no server gave for this call

std::string AnswersText(const userclient::MethodExtras& extras) {
  std::vector<std::string> texts;
  if (extras.single_flight) texts.emplace_back("identical requests at the same time are sent once (singleFlight)");
  if (extras.stale_if_error) {
    texts.push_back(absl::StrCat("when the call fails, the last good answer up to ", Text(extras.stale_if_error->max_age),
                                 " old; ", Bytes(extras.stale_if_error->max_bytes), " are kept (staleIfError)"));
  }
  return absl::StrJoin(texts, "\n");
}

/// Empty where no method has any.
std::string AnswersSection(const std::vector<MethodView>& methods, size_t width) {
  TextTable table;
  bool any = false;
  table.Add({"METHOD", "ANSWERS ALSO COME FROM OTHER CALLS", "FROM"});
  for (const MethodView& method : methods) {
    if (method.extras.entry == nullptr) continue;
    const std::string answers = AnswersText(*method.extras.entry);
    if (answers.empty()) continue;
    any = true;
    table.Add({method.name, answers, From(method.extras)});
  }
  return any ? absl::StrCat("\n", table.ToText(width)) : "";
}

// ---- Compartments

std::string ChannelsText(const BulkheadConfig& bulkhead) {
  if (bulkhead.max_channels <= bulkhead.channels) return absl::StrCat(bulkhead.channels);
  return absl::StrCat(bulkhead.channels, " to ", bulkhead.max_channels);
}

std::string LimitText(const BulkheadConfig& bulkhead) {
  std::string text;
  if (const auto& limit = bulkhead.adaptive_limit) {
    const bool gradient = limit->algorithm == AdaptiveLimitOptions::Algorithm::kGradient;
    text = absl::StrCat(limit->minimum, " to ", limit->maximum, ", adaptive (", gradient ? "gradient" : "aimd", "), at first ",
                        limit->initial);
  } else if (bulkhead.max_concurrent_calls) {
    text = absl::StrCat("at most ", *bulkhead.max_concurrent_calls);
  } else {
    return "no limit";
  }
  if (bulkhead.max_wait == std::chrono::nanoseconds::zero()) return text + "; the next is refused";
  return absl::StrCat(text, "; the next waits up to ", Text(bulkhead.max_wait));
}

std::string BreakerText(const CircuitBreakerOptions& breaker) {
  std::string text = absl::StrCat("opens when ", Percent(breaker.failure_ratio * 100), " of ", breaker.minimum_calls,
                                  " or more calls in ", Text(breaker.window), " fail");
  if (breaker.consecutive_failures) absl::StrAppend(&text, ", or ", *breaker.consecutive_failures, " in a row");
  if (breaker.slow_call_duration) {
    absl::StrAppend(&text, ", or ", Percent(breaker.slow_call_ratio * 100), " take ", Text(*breaker.slow_call_duration),
                    " or longer");
  }
  absl::StrAppend(&text, "; for ", Text(breaker.open_duration));
  if (breaker.max_open_duration > breaker.open_duration) {
    absl::StrAppend(&text, ", doubling to ", Text(breaker.max_open_duration));
  }
  return absl::StrCat(text, "; closes after ", breaker.half_open_probes, breaker.half_open_probes == 1 ? " probe" : " probes");
}

TextTable CompartmentTable(const ServiceConfig& config, const std::vector<MethodView>& methods) {
  TextTable table;
  table.Add({"COMPARTMENT", "CHANNELS", "CALLS IN FLIGHT", "CIRCUIT BREAKER", "FROM"});
  const auto add = [&](const std::string& name, const BulkheadConfig& bulkhead, std::string from) {
    table.Add({name, ChannelsText(bulkhead), LimitText(bulkhead),
               bulkhead.circuit_breaker ? BreakerText(*bulkhead.circuit_breaker) : "none", std::move(from)});
  };
  for (const BulkheadConfig& bulkhead : config.bulkheads) add(bulkhead.name, bulkhead, PathOf(bulkhead, config));
  const auto unclaimed = [](const MethodView& method) { return method.bulkhead.entry == nullptr; };
  if (std::any_of(methods.begin(), methods.end(), unclaimed)) add(kDefault, BulkheadConfig(), kDefault);
  return table;
}

// ---- The rest

std::string OutlierText(const OutlierDetection& outliers) {
  const auto share = [](int64_t percent) {
    return percent < 100 ? absl::StrCat(" (in ", Percent(percent), " of the cases)") : "";
  };
  std::vector<std::string> rules;
  if (const auto& failures = outliers.failure_percentage) {
    rules.push_back(absl::StrCat("more than ", Percent(failures->threshold), " of its calls fail",
                                 share(failures->enforcement_percent), ", if at least ", failures->minimum_hosts,
                                 " servers have had ", failures->request_volume, " calls or more each"));
  }
  if (const auto& rate = outliers.success_rate) {
    rules.push_back(absl::StrCat("its success rate is ", static_cast<double>(rate->stdev_factor) / 1000,
                                 " standard deviations below the average", share(rate->enforcement_percent), ", if at least ",
                                 rate->minimum_hosts, " servers have had ", rate->request_volume, " calls or more each"));
  }
  const std::string every = absl::StrCat("every ", Text(outliers.interval));
  if (rules.empty()) return absl::StrCat(every, ", but no rule is set, so no server is ever left out");
  return absl::StrCat(every, ", a server is left out when ", absl::StrJoin(rules, "; or when "), "; for ",
                      Text(outliers.base_ejection_time), ", longer each time, at most ", Text(outliers.max_ejection_time),
                      "; never more than ", Percent(outliers.max_ejection_percent), " of the servers");
}

std::string HealthText(const ChannelView& channel) {
  if (!channel.health_check_service) return "off: servers are not asked whether they serve";
  const std::string service = absl::StrCat("\"", Printable(*channel.health_check_service), "\"");
  if (!channel.asks_for_health()) return absl::StrCat("set to ", service, ", but without effect: pick_first asks nobody");
  return absl::StrCat("a server gets calls while it says that ", service, " is SERVING");
}

/// "100 tokens; a failure costs one, a success returns 0.5; no retries at 50 or fewer"
std::string ThrottlingText(const std::optional<userclient::RetryThrottling>& throttling) {
  if (!throttling) return "off: however many calls fail, they are retried";
  return absl::StrCat(throttling->max_tokens, " tokens: a failure costs 1, a success returns ",
                      throttling->milli_token_ratio / 1000.0, "; no retries or hedges at ", throttling->max_tokens / 2.0,
                      " or fewer");
}

void AddChannelMethods(const ServiceConfig& config, const std::vector<MethodView>& methods, TextTable& table) {
  for (const MethodView& method : methods) {
    if (method.config.entry == nullptr) continue;
    const ChannelMethodView view = ChannelMethodOf(config, *method.config.entry);
    std::vector<std::string> texts;
    if (view.wait_for_ready) {
      texts.emplace_back(*view.wait_for_ready ? "waits for a connection" : "fails at once without a connection");
    }
    if (view.max_request_message_bytes) {
      texts.push_back(absl::StrCat("requests of at most ", Bytes(*view.max_request_message_bytes)));
    }
    if (view.max_response_message_bytes) {
      texts.push_back(absl::StrCat("responses of at most ", Bytes(*view.max_response_message_bytes)));
    }
    if (!texts.empty()) table.Add({method.name, absl::StrJoin(texts, "; "), From(method.config)});
  }
}

TextTable ChannelTable(const ServiceConfig& config, const std::vector<MethodView>& methods) {
  const ChannelView channel = ChannelOf(config);
  TextTable table;
  table.Add({"ALL METHODS", "", "FROM"});
  table.Add({"load balancing", Printable(channel.load_balancing), channel.load_balancing_from});
  table.Add({"outlier detection", channel.outlier_detection ? OutlierText(*channel.outlier_detection) : "off",
             channel.outlier_detection ? channel.load_balancing_from : kDefault});
  table.Add({"health checking", HealthText(channel), channel.health_check_service ? "healthCheckConfig" : kDefault});
  table.Add(
      {"retry throttling", ThrottlingText(config.retry_throttling), config.retry_throttling ? "retryThrottling" : kDefault});
  const bool usual = config.dns_refresh == ServiceConfig().dns_refresh;
  table.Add({"dns refresh", absl::StrCat("the name in a dns: target is looked up every ", Text(config.dns_refresh)),
             usual ? kDefault : "userclient.dnsRefresh"});
  AddChannelMethods(config, methods, table);
  return table;
}

std::string NotesSection(const ServiceConfig& config, size_t width) {
  TextTable table;
  const std::vector<std::string> advice = userclient::Advise(config);
  for (const std::string& note : advice) table.Add({"note:", Printable(note)});
  return advice.empty() ? "" : absl::StrCat("\n", table.ToText(width));
}

}  // namespace

std::string ExplainText(const ServiceConfig& config, const std::optional<std::string>& file, size_t width) {
  const std::vector<MethodView> methods = MethodsIn(config);
  std::string text = absl::StrCat(ServiceName(), " by ", file ? Printable(*file) : "the config that is built in", "\n\n",
                                  MethodTable(methods).ToText(width), AnswersSection(methods, width), "\n",
                                  CompartmentTable(config, methods).ToText(width), "\n",
                                  ChannelTable(config, methods).ToText(width), NotesSection(config, width));
  text.pop_back();  // The last newline.
  return text;
}

}  // namespace userctl
