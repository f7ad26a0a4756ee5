#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace userclient {

/// Validates documents against a JSON schema (draft-07), as far as service_config/userclient.schema.json uses it. A schema with
/// any other keyword fails every document.
class SchemaValidator {
 public:
  explicit SchemaValidator(nlohmann::json schema) : schema_(std::move(schema)) {}

  /// What is wrong with the document, with its JSON pointer; nullopt if nothing is.
  std::optional<std::string> Validate(const nlohmann::json& document) const;

 private:
  nlohmann::json schema_;
};

}  // namespace userclient
