#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/field_tables.h"
#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/status_code_set.h"

namespace userclient::internal {

/// Reads one object of a config by its table. The constructor adds everything that is wrong with the object's own keys to
/// `problems`: unknown or missing keys, wrong types, values out of range. The getters then return what is there and right; a key
/// that is absent or wrong reads as nullopt, so that one mistake is reported once. Objects within the object are read by readers
/// of their own.
///
///   ObjectReader reader(json, kRetryThrottlingSpec, path, problems);
///   throttling.max_tokens = reader.Integer("maxTokens").value_or(throttling.max_tokens);
///
/// The JSON must outlive the reader. Getters take only keys of the table, of the type that it says.
class ObjectReader {
 public:
  ObjectReader(const Json& object, const ObjectSpec& spec, Path path, Problems& problems);

  /// Whether the file has this key, right or wrong.
  bool Has(std::string_view key) const;
  /// Whether this key is absent or right, so that it may be compared with others.
  bool IsSound(std::string_view key) const { return Has(key) == (Value(key) != nullptr); }

  std::optional<std::string> String(std::string_view key) const;
  /// Only for a key whose bounds are those of an int, or narrower.
  std::optional<int> Integer(std::string_view key) const;
  std::optional<int64_t> LongInteger(std::string_view key) const;
  std::optional<bool> Bool(std::string_view key) const;
  std::optional<double> Number(std::string_view key) const;
  std::optional<std::chrono::nanoseconds> Duration(std::string_view key) const;
  std::optional<StatusCodeSet> StatusCodes(std::string_view key) const;
  /// The JSON itself, for an object or a list; nullptr if absent or wrong.
  const Json* Value(std::string_view key) const;

  const Path& path() const { return path_; }
  Path PathTo(std::string_view key) const { return path_.Key(key); }
  Problems& problems() const { return problems_; }

 private:
  void CheckKeys(const Json& object);
  void CheckFields();
  // Whether `value` is what the table asks for; says so to problems_ if not.
  bool CheckValue(const FieldSpec& field, const Json& value) const;
  bool CheckInteger(const FieldSpec& field, const Json& value) const;
  bool CheckDuration(const FieldSpec& field, const Json& value) const;
  bool CheckStatusCodes(const FieldSpec& field, const Json& value) const;
  bool CheckChoice(const FieldSpec& field, const Json& value) const;
  bool CheckLoadBalancingConfig(const FieldSpec& field, const Json& value) const;
  bool CheckList(const FieldSpec& field, const Json& value) const;
  bool CheckRange(const FieldSpec& field, double value, std::string (*show)(double)) const;
  bool Refuse(const FieldSpec& field, std::string_view what) const;

  const Json* object_;  // nullptr if it is no object
  const ObjectSpec& spec_;
  const Path path_;
  Problems& problems_;
  std::vector<const Json*> good_;  // by position in spec_.fields
};

/// A value, shortly, for an error message: `"text"`, `3`, `a list`.
std::string Describe(const Json& value);

}  // namespace userclient::internal
