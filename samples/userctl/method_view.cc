#include "method_view.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "user/v1/user_service.pb.h"
#include "userclient/client_options.h"

namespace userctl {
namespace {

using userclient::MethodName;
using userclient::ServiceConfig;

constexpr char kMethodConfigs[] = "methodConfig";
constexpr char kBulkheads[] = "userclient.bulkheads";
constexpr char kExtras[] = "userclient.methods";

const google::protobuf::ServiceDescriptor& Service() {
  return *user::v1::GetUserRequest::descriptor()->file()->FindServiceByName("UserService");
}

std::string NamedBy(const std::vector<MethodName>& names, const MethodName& method) {
  const auto contains = [&](const MethodName& name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (contains(method)) return "method";
  return contains({.service = method.service}) ? "service" : "all";
}

template <typename Entry>
std::string PathIn(const std::vector<Entry>& entries, const Entry& entry, std::string_view list) {
  return absl::StrCat(std::string(list), "[", &entry - entries.data(), "]");
}

template <typename Entry>
Applied<Entry> Place(const Entry* entry, const std::vector<Entry>& entries, std::string_view list,
                     std::vector<MethodName> Entry::*names, const MethodName& method) {
  if (entry == nullptr) return {};
  return {.entry = entry, .path = PathIn(entries, *entry, list), .named_by = NamedBy(entry->*names, method)};
}

}  // namespace

std::chrono::nanoseconds MethodView::timeout() const {
  return has_timeout() ? *config.entry->timeout : userclient::ClientOptions().default_timeout;
}

const userclient::RetryPolicy* MethodView::retries() const {
  return config.entry != nullptr && config.entry->retry_policy ? &*config.entry->retry_policy : nullptr;
}

const userclient::HedgingPolicy* MethodView::hedging() const {
  return config.entry != nullptr && config.entry->hedging_policy ? &*config.entry->hedging_policy : nullptr;
}

std::string ServiceName() { return std::string(Service().full_name()); }

std::vector<MethodView> MethodsIn(const ServiceConfig& config) {
  std::vector<MethodView> methods;
  for (int i = 0; i < Service().method_count(); ++i) {
    const google::protobuf::MethodDescriptor& descriptor = *Service().method(i);
    const MethodName name = {.service = ServiceName(), .method = std::string(descriptor.name())};
    methods.push_back({
        .name = name.method,
        .client_streaming = descriptor.client_streaming(),
        .server_streaming = descriptor.server_streaming(),
        .config = Place(config.FindMethod(name.service, name.method), config.methods, kMethodConfigs,
                        &userclient::MethodConfig::names, name),
        .bulkhead = Place(config.FindBulkhead(name.service, name.method), config.bulkheads, kBulkheads,
                          &userclient::BulkheadConfig::methods, name),
        .extras =
            Place(config.FindExtras(name.service, name.method), config.extras, kExtras, &userclient::MethodExtras::names, name),
    });
  }
  return methods;
}

std::string PathOf(const userclient::BulkheadConfig& bulkhead, const ServiceConfig& config) {
  return PathIn(config.bulkheads, bulkhead, kBulkheads);
}

}  // namespace userctl
