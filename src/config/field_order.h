#pragma once

#include <chrono>
#include <string_view>

#include "config/object_reader.h"

namespace userclient::internal {

/// A field as it applies: what the file says, or its default.
template <typename T>
struct EffectiveField {
  std::string_view key;
  T value;
};

/// Adds it to the reader's problems if `field` is less than `least`. A field that is wrong in itself is not compared.
void CheckAtLeast(const ObjectReader& reader, EffectiveField<int> field, EffectiveField<int> least);
void CheckAtLeast(const ObjectReader& reader, EffectiveField<std::chrono::nanoseconds> field,
                  EffectiveField<std::chrono::nanoseconds> least);

/// The same if it is not more than `bound`.
void CheckMoreThan(const ObjectReader& reader, EffectiveField<std::chrono::nanoseconds> field,
                   EffectiveField<std::chrono::nanoseconds> bound);

}  // namespace userclient::internal
