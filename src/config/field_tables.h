#pragma once

/// The objects of a service config, key by key: type, range, and whether it must be there.
///
/// The parser enforces these tables, the JSON schema repeats them for editors, docs/service_config.md explains them, and a
/// contract test holds the three together.

#include <optional>
#include <span>
#include <string_view>

namespace userclient::internal {

struct ObjectSpec;

enum class FieldType {
  kString,
  kBool,
  kInteger,
  kNumber,
  kDuration,
  kStatusCodes,          // a list of names of status codes, no name twice, never OK
  kChoice,               // one of `choices`
  kObject,               // `object` says which
  kObjectList,           // a list of `object`
  kLoadBalancingConfig,  // a list of {"policy": {...}}, see load_balancing_check.h
};

/// One key of an object. Bounds of a kDuration are in seconds.
struct FieldSpec {
  std::string_view key;
  FieldType type;
  bool required = false;
  std::optional<double> at_least{};
  std::optional<double> above{};
  std::optional<double> at_most{};
  std::optional<double> below{};
  /// For a list.
  bool may_be_empty = false;
  const ObjectSpec* object = nullptr;
  std::span<const std::string_view> choices{};
};

/// One kind of object; `name` is that of its definition in the JSON schema.
struct ObjectSpec {
  std::string_view name;
  std::span<const FieldSpec> fields;
};

/// The values of `algorithm`.
inline constexpr std::string_view kGradient = "gradient";
inline constexpr std::string_view kAimd = "aimd";

extern const ObjectSpec kMethodNameSpec;
extern const ObjectSpec kRetryPolicySpec;
extern const ObjectSpec kHedgingPolicySpec;
extern const ObjectSpec kMethodConfigSpec;
extern const ObjectSpec kRetryThrottlingSpec;
extern const ObjectSpec kHealthCheckConfigSpec;
extern const ObjectSpec kCircuitBreakerSpec;
extern const ObjectSpec kAdaptiveLimitSpec;
extern const ObjectSpec kBulkheadSpec;
extern const ObjectSpec kStaleIfErrorSpec;
extern const ObjectSpec kMethodExtrasSpec;
extern const ObjectSpec kUserclientSpec;
/// The whole file.
extern const ObjectSpec kServiceConfigSpec;

}  // namespace userclient::internal
