#include "tests/config/schema_validator.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <regex>
#include <set>
#include <string_view>

namespace userclient {
namespace {

using nlohmann::json;
using Problem = std::optional<std::string>;

class Validation {
 public:
  explicit Validation(const json& root) : root_(root) {}

  Problem Check(const json& schema, const json& value, const std::string& at) const {
    if (schema.is_boolean()) return schema.get<bool>() ? std::nullopt : Problem(at + ": is not allowed");
    // Draft-07 ignores what stands beside a $ref.
    if (schema.contains("$ref"))
      return Check(root_.at(json::json_pointer(schema.at("$ref").get<std::string>().substr(1))), value, at);
    for (const auto& [keyword, argument] : schema.items()) {
      if (Problem problem = CheckKeyword(schema, keyword, argument, value, at)) return problem;
    }
    return std::nullopt;
  }

 private:
  Problem CheckKeyword(const json& schema, const std::string& keyword, const json& argument, const json& value,
                       const std::string& at) const {
    static const std::set<std::string_view> kAnnotations = {"$schema",  "title",   "description",
                                                            "examples", "default", "definitions"};
    if (kAnnotations.contains(keyword)) return std::nullopt;
    const auto expect = [&](bool good) { return good ? std::nullopt : Problem(at + ": " + keyword + " " + argument.dump()); };
    if (keyword == "type") return expect(HasType(value, argument.get<std::string>()));
    if (keyword == "enum") return expect(std::find(argument.begin(), argument.end(), value) != argument.end());
    if (keyword == "const") return expect(value == argument);
    if (keyword == "not") return expect(Check(argument, value, at).has_value());
    if (keyword == "pattern") return expect(!value.is_string() || std::regex_search(value.get<std::string>(), Pattern(argument)));
    if (keyword == "minimum") return expect(!value.is_number() || value.get<double>() >= argument.get<double>());
    if (keyword == "exclusiveMinimum") return expect(!value.is_number() || value.get<double>() > argument.get<double>());
    if (keyword == "maximum") return expect(!value.is_number() || value.get<double>() <= argument.get<double>());
    if (keyword == "exclusiveMaximum") return expect(!value.is_number() || value.get<double>() < argument.get<double>());
    if (keyword == "anyOf") return expect(MatchesAny(argument, value, at));
    if (keyword == "minItems") return expect(!value.is_array() || value.size() >= argument.get<size_t>());
    if (keyword == "uniqueItems")
      return expect(!value.is_array() || std::set<json>(value.begin(), value.end()).size() == value.size());
    if (keyword == "minProperties") return expect(!value.is_object() || value.size() >= argument.get<size_t>());
    if (keyword == "maxProperties") return expect(!value.is_object() || value.size() <= argument.get<size_t>());
    if (keyword == "required") return expect(!value.is_object() || HasAll(value, argument));
    if (keyword == "items") return CheckItems(argument, value, at);
    if (keyword == "properties") return CheckProperties(argument, value, at);
    if (keyword == "additionalProperties") return CheckAdditional(schema, argument, value, at);
    if (keyword == "dependencies") return CheckDependencies(argument, value, at);
    return "the validator does not know the keyword " + keyword;
  }

  static bool HasType(const json& value, const std::string& type) {
    if (type == "integer")
      return value.is_number_integer() || (value.is_number() && value.get<double>() == std::floor(value.get<double>()));
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_boolean();
    return value.type_name() == type;
  }

  // Compiling a pattern costs more than a hundred matches.
  static const std::regex& Pattern(const json& pattern) {
    static std::map<std::string, std::regex> compiled;
    const auto text = pattern.get<std::string>();
    return compiled.try_emplace(text, text).first->second;
  }

  bool MatchesAny(const json& schemas, const json& value, const std::string& at) const {
    return std::any_of(schemas.begin(), schemas.end(), [&](const json& schema) { return !Check(schema, value, at).has_value(); });
  }

  static bool HasAll(const json& object, const json& keys) {
    return std::all_of(keys.begin(), keys.end(), [&](const json& key) { return object.contains(key.get<std::string>()); });
  }

  Problem CheckItems(const json& schema, const json& value, const std::string& at) const {
    if (!value.is_array()) return std::nullopt;
    for (size_t index = 0; index < value.size(); ++index) {
      if (Problem problem = Check(schema, value[index], at + "/" + std::to_string(index))) return problem;
    }
    return std::nullopt;
  }

  Problem CheckProperties(const json& properties, const json& value, const std::string& at) const {
    if (!value.is_object()) return std::nullopt;
    for (const auto& [key, schema] : properties.items()) {
      if (!value.contains(key)) continue;
      if (Problem problem = Check(schema, value.at(key), at + "/" + key)) return problem;
    }
    return std::nullopt;
  }

  Problem CheckAdditional(const json& schema, const json& additional, const json& value, const std::string& at) const {
    if (!value.is_object()) return std::nullopt;
    for (const auto& [key, member] : value.items()) {
      if (schema.contains("properties") && schema.at("properties").contains(key)) continue;
      if (Problem problem = Check(additional, member, at + "/" + key)) return problem;
    }
    return std::nullopt;
  }

  Problem CheckDependencies(const json& dependencies, const json& value, const std::string& at) const {
    if (!value.is_object()) return std::nullopt;
    for (const auto& [key, needed] : dependencies.items()) {
      if (!value.contains(key)) continue;
      const bool good = needed.is_array() ? HasAll(value, needed) : !Check(needed, value, at).has_value();
      if (!good) return at + ": " + key + " needs " + needed.dump();
    }
    return std::nullopt;
  }

  const json& root_;
};

}  // namespace

std::optional<std::string> SchemaValidator::Validate(const json& document) const {
  return Validation(schema_).Check(schema_, document, "");
}

}  // namespace userclient
