#include "config/object_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/statusor.h"
#include "config/duration.h"
#include "config/load_balancing_check.h"
#include "config/nearest_name.h"
#include "config/status_codes.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

// The position of a key in the table; the number of fields if it is not there.
size_t IndexOf(const ObjectSpec& spec, std::string_view key) {
  size_t index = 0;
  while (index < spec.fields.size() && spec.fields[index].key != key) ++index;
  return index;
}

std::vector<std::string_view> Keys(const ObjectSpec& spec) {
  std::vector<std::string_view> keys;
  for (const FieldSpec& field : spec.fields) keys.push_back(field.key);
  return keys;
}

std::string ShowInteger(double number) { return std::to_string(std::llround(number)); }
std::string ShowNumber(double number) { return number == std::floor(number) ? ShowInteger(number) : Json(number).dump(); }
std::string ShowSeconds(double seconds) { return FormatDuration(std::chrono::nanoseconds(std::llround(seconds * 1e9))); }

}  // namespace

std::string Describe(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return Quote(value.get_ref<const std::string&>());
  return value.dump();
}

ObjectReader::ObjectReader(const Json& object, const ObjectSpec& spec, Path path, Problems& problems)
    : object_(object.is_object() ? &object : nullptr),
      spec_(spec),
      path_(std::move(path)),
      problems_(problems),
      good_(spec.fields.size(), nullptr) {
  if (object_ == nullptr) {
    problems_.Add(path_, Concat("must be an object, not ", Describe(object)));
    return;
  }
  CheckKeys(object);
  CheckFields();
}

bool ObjectReader::Has(std::string_view key) const { return object_ != nullptr && object_->contains(key); }

std::optional<std::string> ObjectReader::String(std::string_view key) const {
  const Json* value = Value(key);
  return value == nullptr ? std::nullopt : std::optional(value->get<std::string>());
}

std::optional<int> ObjectReader::Integer(std::string_view key) const {
  const Json* value = Value(key);
  return value == nullptr ? std::nullopt : std::optional(value->get<int>());
}

std::optional<int64_t> ObjectReader::LongInteger(std::string_view key) const {
  const Json* value = Value(key);
  return value == nullptr ? std::nullopt : std::optional(value->get<int64_t>());
}

std::optional<bool> ObjectReader::Bool(std::string_view key) const {
  const Json* value = Value(key);
  return value == nullptr ? std::nullopt : std::optional(value->get<bool>());
}

std::optional<double> ObjectReader::Number(std::string_view key) const {
  const Json* value = Value(key);
  return value == nullptr ? std::nullopt : std::optional(value->get<double>());
}

std::optional<std::chrono::nanoseconds> ObjectReader::Duration(std::string_view key) const {
  const Json* value = Value(key);
  return value == nullptr ? std::nullopt : std::optional(*ParseDuration(value->get_ref<const std::string&>()));
}

std::optional<StatusCodeSet> ObjectReader::StatusCodes(std::string_view key) const {
  const Json* value = Value(key);
  if (value == nullptr) return std::nullopt;
  StatusCodeSet codes;
  for (const Json& name : *value) codes.Insert(*StatusCodeOf(name.get_ref<const std::string&>()));
  return codes;
}

const Json* ObjectReader::Value(std::string_view key) const { return good_.at(IndexOf(spec_, key)); }

void ObjectReader::CheckKeys(const Json& object) {
  for (const auto& [key, value] : object.items()) {
    if (IndexOf(spec_, key) < spec_.fields.size()) continue;
    problems_.Add(path_.Key(key), Concat("unknown key", DidYouMean(key, Keys(spec_))));
  }
}

void ObjectReader::CheckFields() {
  for (size_t index = 0; index < spec_.fields.size(); ++index) {
    const FieldSpec& field = spec_.fields[index];
    const auto found = object_->find(field.key);
    if (found == object_->end()) {
      if (field.required) Refuse(field, "is missing");
      continue;
    }
    if (CheckValue(field, *found)) good_[index] = &*found;
  }
}

bool ObjectReader::CheckValue(const FieldSpec& field, const Json& value) const {
  switch (field.type) {
    case FieldType::kString:
      return value.is_string() || Refuse(field, Concat("must be a string, not ", Describe(value)));
    case FieldType::kBool:
      return value.is_boolean() || Refuse(field, Concat("must be true or false, not ", Describe(value)));
    case FieldType::kInteger:
      return CheckInteger(field, value);
    case FieldType::kNumber:
      if (!value.is_number()) return Refuse(field, Concat("must be a number, not ", Describe(value)));
      return CheckRange(field, value.get<double>(), ShowNumber);
    case FieldType::kDuration:
      return CheckDuration(field, value);
    case FieldType::kChoice:
      return CheckChoice(field, value);
    case FieldType::kStatusCodes:
      return CheckStatusCodes(field, value);
    case FieldType::kObject:
      return value.is_object() || Refuse(field, Concat("must be an object, not ", Describe(value)));
    case FieldType::kObjectList:
      return CheckList(field, value);
    case FieldType::kLoadBalancingConfig:
      return CheckLoadBalancingConfig(field, value);
  }
  return false;
}

bool ObjectReader::CheckInteger(const FieldSpec& field, const Json& value) const {
  if (!value.is_number_integer()) return Refuse(field, Concat("must be an integer, not ", Describe(value)));
  return CheckRange(field, value.get<double>(), ShowInteger);
}

bool ObjectReader::CheckDuration(const FieldSpec& field, const Json& value) const {
  if (!value.is_string()) {
    const std::string in_seconds = Concat(value.is_number() ? value.dump() : "", "s");
    const std::string hint = ParseDuration(in_seconds).ok() ? Concat("; write ", Quote(in_seconds)) : std::string();
    return Refuse(field, Concat("must be a duration such as \"0.5s\", not ", Describe(value), hint));
  }
  const absl::StatusOr<std::chrono::nanoseconds> duration = ParseDuration(value.get_ref<const std::string&>());
  if (!duration.ok()) return Refuse(field, std::string(duration.status().message()));
  return CheckRange(field, static_cast<double>(duration->count()) / 1e9, ShowSeconds);
}

bool ObjectReader::CheckStatusCodes(const FieldSpec& field, const Json& value) const {
  if (!CheckList(field, value)) return false;
  bool good = true;
  const auto refuse = [&](size_t index, std::string_view what) {
    problems_.Add(PathTo(field.key).At(index), what);
    good = false;
  };
  StatusCodeSet seen;
  for (size_t index = 0; index < value.size(); ++index) {
    const Json& name = value[index];
    if (!name.is_string()) {
      const bool number = name.is_number_unsigned() && name.get<uint64_t>() < kStatusCodeNames.size();
      const std::string hint = number ? Concat("; write \"", kStatusCodeNames[name.get<size_t>()], "\"") : std::string();
      refuse(index, Concat("must be the name of a status code, not ", Describe(name), hint));
      continue;
    }
    const std::optional<absl::StatusCode> code = StatusCodeOf(name.get_ref<const std::string&>());
    if (!code.has_value()) {
      refuse(index,
             Concat("unknown status code ", Describe(name), DidYouMean(name.get_ref<const std::string&>(), kStatusCodeNames)));
    } else if (*code == absl::StatusCode::kOk) {
      refuse(index, "must be a failure, and OK is none");
    } else if (seen.Contains(*code)) {
      refuse(index, Concat(name.get_ref<const std::string&>(), " stands twice; keep one"));
    } else {
      seen.Insert(*code);
    }
  }
  return good;
}

bool ObjectReader::CheckChoice(const FieldSpec& field, const Json& value) const {
  const auto is_value = [&](std::string_view choice) { return value.get_ref<const std::string&>() == choice; };
  if (value.is_string() && std::any_of(field.choices.begin(), field.choices.end(), is_value)) return true;
  std::string choices;
  for (const std::string_view choice : field.choices) choices += Concat(choices.empty() ? "" : " or ", Quote(choice));
  return Refuse(field, Concat("must be ", choices, ", not ", Describe(value)));
}

bool ObjectReader::CheckLoadBalancingConfig(const FieldSpec& field, const Json& value) const {
  return CheckList(field, value) && CheckLoadBalancing(value, PathTo(field.key), problems_);
}

bool ObjectReader::CheckList(const FieldSpec& field, const Json& value) const {
  if (!value.is_array()) return Refuse(field, Concat("must be a list, not ", Describe(value)));
  if (value.empty() && !field.may_be_empty) return Refuse(field, "must not be empty");
  return true;
}

bool ObjectReader::CheckRange(const FieldSpec& field, double value, std::string (*show)(double)) const {
  if (field.at_least.has_value() && value < *field.at_least) {
    return Refuse(field, Concat("must be at least ", show(*field.at_least)));
  }
  if (field.above.has_value() && value <= *field.above) {
    return Refuse(field, Concat("must be more than ", show(*field.above)));
  }
  if (field.at_most.has_value() && value > *field.at_most) {
    return Refuse(field, Concat("must be at most ", show(*field.at_most)));
  }
  if (field.below.has_value() && value >= *field.below) {
    return Refuse(field, Concat("must be less than ", show(*field.below)));
  }
  return true;
}

bool ObjectReader::Refuse(const FieldSpec& field, std::string_view what) const {
  problems_.Add(PathTo(field.key), what);
  return false;
}

}  // namespace userclient::internal
