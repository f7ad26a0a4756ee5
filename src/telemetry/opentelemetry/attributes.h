#pragma once

#include <opentelemetry/common/attribute_value.h>
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

}  // namespace userclient::internal
