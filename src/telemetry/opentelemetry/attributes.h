#pragma once

#include <opentelemetry/common/attribute_value.h>
#include <opentelemetry/metrics/meter.h>
#include <opentelemetry/metrics/meter_provider.h>
#include <opentelemetry/metrics/provider.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/nostd/string_view.h>

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace userclient::internal {

inline opentelemetry::nostd::string_view View(std::string_view text) { return {text.data(), text.size()}; }

/// Labels, as OpenTelemetry takes them. The values must live as long.
using Attributes = std::vector<std::pair<opentelemetry::nostd::string_view, opentelemetry::common::AttributeValue>>;

inline Attributes MakeAttributes(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  Attributes attributes;
  for (const auto& [name, value] : labels) attributes.emplace_back(View(name), View(value));
  return attributes;
}

/// This library's, of the global provider.
inline opentelemetry::nostd::shared_ptr<opentelemetry::metrics::Meter> GetMeter() {
  return opentelemetry::metrics::Provider::GetMeterProvider()->GetMeter("userclient");
}

}  // namespace userclient::internal
