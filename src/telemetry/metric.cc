#include "telemetry/metric.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace userclient::internal {

const std::vector<double>& LatencyBuckets() {
  static const auto* const buckets = new std::vector<double>{
      0,    0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008,
      0.01, 0.013,   0.016,   0.02,   0.025,  0.03,   0.04,   0.05,  0.065, 0.08,  0.1,   0.13,  0.16,  0.2,
      0.25, 0.3,     0.4,     0.5,    0.65,   0.8,    1,      2,     5,     10,    20,    50,    100};
  return *buckets;
}

const std::vector<double>& RetryBuckets() {
  static const auto* const buckets = new std::vector<double>{1, 2, 3, 4, 5};
  return *buckets;
}

std::string_view StatusLabel(int code) {
  static constexpr std::array<std::string_view, kStatusCodes> kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  return code >= 0 && code < kStatusCodes ? kNames[static_cast<size_t>(code)] : kNames[2];
}

bool CanBeLabelValue(std::string_view text) {
  using Json = nlohmann::json;
  const Json json = text;
  // What is not UTF-8 is left out, and missed when it is read again.
  return Json::parse(json.dump(-1, ' ', false, Json::error_handler_t::ignore), nullptr, /*allow_exceptions=*/false) == json;
}

std::string CanonicalTarget(std::string_view target) {
  // A client whose channels are made by a factory has none.
  if (target.empty()) return "factory:///";
  static constexpr std::array<std::string_view, 8> kSchemes = {
      "dns:", "ipv4:", "ipv6:", "unix:", "vsock:", "xds:", "unix-abstract:", "google-c2p:"};
  const bool complete = target.find("://") != std::string_view::npos ||
                        std::any_of(kSchemes.begin(), kSchemes.end(), [&](auto scheme) { return target.starts_with(scheme); });
  return complete ? std::string(target) : "dns:///" + std::string(target);
}

}  // namespace userclient::internal
