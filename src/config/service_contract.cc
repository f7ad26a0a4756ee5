#include "config/service_contract.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "config/nearest_name.h"
#include "config/problems.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

class ContractCheck {
 public:
  ContractCheck(const ServiceConfig& config, const ServiceContract& service) : config_(config), service_(service) {
    for (const MethodContract& method : service_.methods) method_names_.push_back(method.name);
  }

  absl::Status Run() && {
    for (size_t index = 0; index < config_.methods.size(); ++index) {
      const Path path = Path().Key("methodConfig").At(index);
      CheckNames(config_.methods[index].names, path.Key("name"));
      CheckPolicies(config_.methods[index], path);
    }
    for (size_t index = 0; index < config_.bulkheads.size(); ++index) {
      CheckNames(config_.bulkheads[index].methods, Path().Key("userclient").Key("bulkheads").At(index).Key("methods"));
    }
    for (size_t index = 0; index < config_.extras.size(); ++index) {
      const Path path = Path().Key("userclient").Key("methods").At(index);
      CheckNames(config_.extras[index].names, path.Key("name"));
      CheckExtras(config_.extras[index], path);
    }
    CheckThatSomethingApplies();
    return problems_.ToStatus();
  }

 private:
  void CheckNames(const std::vector<MethodName>& names, const Path& path) {
    for (size_t index = 0; index < names.size(); ++index) {
      const MethodName& name = names[index];
      if (name.service != service_.full_name || name.method.empty()) continue;
      if (std::find(method_names_.begin(), method_names_.end(), name.method) != method_names_.end()) continue;
      problems_.Add(path.At(index).Key("method"),
                    Concat(service_.full_name, " has no method ", Quote(name.method), DidYouMean(name.method, method_names_)));
    }
  }

  // An entry reaches the methods for which it, and not a more exact one, is found.
  void CheckPolicies(const MethodConfig& entry, const Path& path) {
    if (!entry.retry_policy.has_value() && !entry.hedging_policy.has_value()) return;
    for (const MethodContract& method : service_.methods) {
      if (config_.FindMethod(service_.full_name, method.name) != &entry) continue;
      if (entry.retry_policy.has_value() && method.idempotency == Idempotency::kUnknown) {
        problems_.Add(path.Key("retryPolicy"),
                      Concat("reaches ", FullName(method),
                             ", which may not be sent twice: its idempotency_level is not declared. Name only "
                             "methods that are IDEMPOTENT or NO_SIDE_EFFECTS"));
      }
      if (entry.hedging_policy.has_value()) CheckIsUnaryRead(method, path.Key("hedgingPolicy"), "may not run twice at once");
    }
  }

  void CheckExtras(const MethodExtras& entry, const Path& path) {
    for (const MethodContract& method : service_.methods) {
      if (config_.FindExtras(service_.full_name, method.name) != &entry) continue;
      if (entry.hedging_delay_percentile.has_value() && !IsHedged(method)) {
        problems_.Add(path.Key("hedgingDelayPercentile"),
                      Concat("reaches ", FullName(method), ", which has no hedgingPolicy; give it one in methodConfig"));
      }
      if (entry.stale_if_error.has_value()) {
        CheckIsUnaryRead(method, path.Key("staleIfError"), "may not be answered from memory");
      }
      if (entry.single_flight) CheckIsUnaryRead(method, path.Key("singleFlight"), "may not stand for several calls");
    }
  }

  bool IsHedged(const MethodContract& method) const {
    const MethodConfig* config = config_.FindMethod(service_.full_name, method.name);
    return config != nullptr && config->hedging_policy.has_value();
  }

  // `forbidden` is what a method with side effects may not do.
  void CheckIsUnaryRead(const MethodContract& method, const Path& path, std::string_view forbidden) {
    if (method.idempotency != Idempotency::kNoSideEffects) {
      problems_.Add(path, Concat("reaches ", FullName(method), ", which ", forbidden,
                                 ": its idempotency_level is not NO_SIDE_EFFECTS. Name only methods that are"));
    } else if (method.streaming) {
      problems_.Add(path, Concat("reaches ", FullName(method), ", which is a stream. Name only unary methods"));
    }
  }

  std::string FullName(const MethodContract& method) const { return Concat(service_.full_name, "/", method.name); }

  void CheckThatSomethingApplies() {
    if (config_.methods.empty()) return;
    std::vector<std::string_view> services;
    for (const MethodConfig& entry : config_.methods) {
      for (const MethodName& name : entry.names) {
        if (name.service.empty() || name.service == service_.full_name) return;
        services.push_back(name.service);
      }
    }
    const std::string_view nearest = NearestName(service_.full_name, services);
    problems_.Add(Path().Key("methodConfig"),
                  Concat("no entry applies to ", service_.full_name,
                         nearest.empty() ? std::string() : Concat("; is ", Quote(nearest), " a misspelling of it?")));
  }

  const ServiceConfig& config_;
  const ServiceContract& service_;
  std::vector<std::string_view> method_names_;
  Problems problems_;
};

}  // namespace

absl::Status CheckAgainstService(const ServiceConfig& config, const ServiceContract& service) {
  return ContractCheck(config, service).Run();
}

}  // namespace userclient::internal
