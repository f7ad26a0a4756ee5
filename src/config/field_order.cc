#include "config/field_order.h"

#include <string>

#include "config/duration.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

std::string Show(int value) { return std::to_string(value); }
std::string Show(std::chrono::nanoseconds value) { return FormatDuration(value); }

template <typename T>
std::string ShowWhence(const ObjectReader& reader, const EffectiveField<T>& field) {
  return Concat(Show(field.value), reader.Has(field.key) ? "" : " unless set");
}

template <typename T>
void Refuse(const ObjectReader& reader, const EffectiveField<T>& field, std::string_view what, const EffectiveField<T>& other) {
  if (!reader.IsSound(field.key) || !reader.IsSound(other.key)) return;
  reader.problems().Add(reader.PathTo(field.key), Concat("must be ", what, " ", other.key, " (", ShowWhence(reader, other),
                                                         "); it is ", ShowWhence(reader, field)));
}

}  // namespace

void CheckAtLeast(const ObjectReader& reader, EffectiveField<int> field, EffectiveField<int> least) {
  if (field.value < least.value) Refuse(reader, field, "at least", least);
}

void CheckAtLeast(const ObjectReader& reader, EffectiveField<std::chrono::nanoseconds> field,
                  EffectiveField<std::chrono::nanoseconds> least) {
  if (field.value < least.value) Refuse(reader, field, "at least", least);
}

void CheckMoreThan(const ObjectReader& reader, EffectiveField<std::chrono::nanoseconds> field,
                   EffectiveField<std::chrono::nanoseconds> bound) {
  if (field.value <= bound.value) Refuse(reader, field, "more than", bound);
}

}  // namespace userclient::internal
