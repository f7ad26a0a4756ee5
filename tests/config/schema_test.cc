/// Holds the JSON schema, the parser's tables and the shipped files together, in both directions.

#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/duration.h"
#include "config/field_tables.h"
#include "config/status_codes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/config/files.h"
#include "tests/config/schema_validator.h"
#include "tests/config/test_name.h"
#include "userclient/service_config.h"

namespace userclient::internal {
namespace {

using nlohmann::json;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

const json& Schema() {
  static const json* const schema = new json(json::parse(ReadText(SourceFile("service_config/userclient.schema.json"))));
  return *schema;
}

// Every kind of object that can be reached from the whole file.
void Collect(const ObjectSpec& spec, std::map<std::string, const ObjectSpec*>& found) {
  if (!found.emplace(spec.name, &spec).second) return;
  for (const FieldSpec& field : spec.fields) {
    if (field.object != nullptr) Collect(*field.object, found);
  }
}

std::vector<const ObjectSpec*> AllSpecs() {
  std::map<std::string, const ObjectSpec*> found;
  Collect(kServiceConfigSpec, found);
  std::vector<const ObjectSpec*> specs;
  for (const auto& [name, spec] : found) specs.push_back(spec);
  return specs;
}

std::set<std::string> Keys(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

std::string Ref(std::string_view definition) { return "#/definitions/" + std::string(definition); }

std::optional<double> NumberAt(const json& schema, const char* keyword) {
  return schema.contains(keyword) ? std::optional(schema.at(keyword).get<double>()) : std::nullopt;
}

void ExpectBounds(const FieldSpec& field, const json& schema) {
  EXPECT_EQ(NumberAt(schema, "minimum"), field.at_least);
  EXPECT_EQ(NumberAt(schema, "exclusiveMinimum"), field.above);
  EXPECT_EQ(NumberAt(schema, "maximum"), field.at_most);
  EXPECT_EQ(NumberAt(schema, "exclusiveMaximum"), field.below);
}

void ExpectListBounds(const FieldSpec& field, const json& schema) {
  EXPECT_EQ(schema.at("type"), "array");
  EXPECT_EQ(NumberAt(schema, "minItems"), field.may_be_empty ? std::nullopt : std::optional(1.0));
}

std::string DurationDefinition(const FieldSpec& field) {
  if (field.above == 0.0) return "positiveDuration";
  if (field.at_least == 0.1) return "durationOfAtLeast100ms";
  return field.at_least.has_value() || field.above.has_value() || field.at_most.has_value() ? "no definition" : "duration";
}

void ExpectTheSame(const FieldSpec& field, const json& schema) {
  switch (field.type) {
    case FieldType::kString:
      EXPECT_EQ(schema.at("type"), "string");
      return ExpectBounds(field, schema);
    case FieldType::kBool:
      EXPECT_EQ(schema.at("type"), "boolean");
      return ExpectBounds(field, schema);
    case FieldType::kInteger:
      EXPECT_EQ(schema.at("type"), "integer");
      return ExpectBounds(field, schema);
    case FieldType::kNumber:
      EXPECT_EQ(schema.at("type"), "number");
      return ExpectBounds(field, schema);
    case FieldType::kDuration:
      EXPECT_EQ(schema.at("$ref"), Ref(DurationDefinition(field)));
      return;
    case FieldType::kChoice:
      EXPECT_THAT(schema.at("enum"), ElementsAreArray(field.choices));
      return;
    case FieldType::kStatusCodes:
      EXPECT_EQ(schema.at("items"), json({{"$ref", Ref("statusCode")}}));
      EXPECT_EQ(schema.at("uniqueItems"), true);
      return ExpectListBounds(field, schema);
    case FieldType::kObject:
      EXPECT_EQ(schema.at("$ref"), Ref(field.object->name));
      return;
    case FieldType::kObjectList:
      EXPECT_EQ(schema.at("items"), json({{"$ref", Ref(field.object->name)}}));
      return ExpectListBounds(field, schema);
    case FieldType::kLoadBalancingConfig:
      EXPECT_EQ(schema.at("items"),
                json::parse(
                    R"({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": "object"}})"));
      return ExpectListBounds(field, schema);
  }
  ADD_FAILURE() << "a type that the test does not know";
}

class SchemaObjectTest : public ::testing::TestWithParam<const ObjectSpec*> {
 protected:
  const ObjectSpec& spec() const { return *GetParam(); }
  const json& schema() const { return Schema().at("definitions").at(std::string(spec().name)); }
};

TEST_P(SchemaObjectTest, HasTheKeysOfTheTableAndNoOthers) {
  std::vector<std::string> keys;
  for (const FieldSpec& field : spec().fields) keys.emplace_back(field.key);

  EXPECT_THAT(Keys(schema().at("properties")), UnorderedElementsAreArray(keys));
  EXPECT_EQ(schema().at("type"), "object");
  EXPECT_EQ(schema().at("additionalProperties"), false);
}

TEST_P(SchemaObjectTest, RequiresWhatTheTableRequires) {
  std::vector<std::string> required;
  for (const FieldSpec& field : spec().fields) {
    if (field.required) required.emplace_back(field.key);
  }

  EXPECT_THAT(schema().value("required", json::array()), ElementsAreArray(required));
}

TEST_P(SchemaObjectTest, HasTheTypesAndBoundsOfTheTable) {
  for (const FieldSpec& field : spec().fields) {
    SCOPED_TRACE(field.key);
    ExpectTheSame(field, schema().at("properties").at(std::string(field.key)));
  }
}

TEST_P(SchemaObjectTest, DescribesEveryField) {
  for (const FieldSpec& field : spec().fields) {
    const json& property = schema().at("properties").at(std::string(field.key));
    const bool described_by_its_type = field.type == FieldType::kObject;

    EXPECT_TRUE(described_by_its_type || property.contains("description")) << field.key;
  }
}

INSTANTIATE_TEST_SUITE_P(Schema, SchemaObjectTest, ::testing::ValuesIn(AllSpecs()),
                         [](const auto& tested) { return std::string(tested.param->name); });

TEST(SchemaTest, DefinesNothingThatTheParserDoesNotKnow) {
  std::set<std::string> expected = {"duration", "positiveDuration", "durationOfAtLeast100ms", "statusCode"};
  for (const ObjectSpec* spec : AllSpecs()) expected.emplace(spec->name);

  EXPECT_EQ(Keys(Schema().at("definitions")), expected);
  EXPECT_EQ(Schema().at("$ref"), Ref(kServiceConfigSpec.name));
}

TEST(SchemaTest, ListsEveryStatusCodeButOk) {
  const std::vector<std::string> failures(kStatusCodeNames.begin() + 1, kStatusCodeNames.end());

  EXPECT_EQ(Schema().at("definitions").at("statusCode").at("enum"), json(failures));
}

TEST(SchemaTest, ItsDurationsAreThoseOfTheParser) {
  const std::vector<std::string> texts = {
      "0s",  "1s",  "0.0s", "0.1s", "0.05s", "0.099999999s", "0.000000001s",  "10s",           "00.100s", "00s", "s",   ".s",
      ".1s", "1.s", "-1s",  "+1s",  "1",     "1ms",          "1.0000000001s", "0.0000000000s", "1e1s",    "1ss", " 1s", "1s "};
  const auto matches = [](const std::string& text, const std::string& definition) {
    return std::regex_search(text, std::regex(Schema().at("definitions").at(definition).at("pattern").get<std::string>()));
  };
  for (const std::string& text : texts) {
    const absl::StatusOr<std::chrono::nanoseconds> duration = ParseDuration(text);

    EXPECT_EQ(matches(text, "duration"), duration.ok()) << text;
    EXPECT_EQ(matches(text, "positiveDuration"), duration.ok() && duration->count() > 0) << text;
    EXPECT_EQ(matches(text, "durationOfAtLeast100ms"), duration.ok() && *duration >= std::chrono::milliseconds(100)) << text;
  }
}

TEST(SchemaTest, ItsDefaultsAreThoseOfTheCode) {
  const json& breaker = Schema().at("definitions").at("circuitBreaker").at("properties");
  const json& bulkhead = Schema().at("definitions").at("bulkhead").at("properties");
  const json& userclient = Schema().at("definitions").at("userclient").at("properties");
  const CircuitBreakerOptions options;

  EXPECT_EQ(breaker.at("window").at("default"), FormatDuration(options.window));
  EXPECT_EQ(breaker.at("minimumCalls").at("default"), options.minimum_calls);
  EXPECT_EQ(breaker.at("failureRatio").at("default"), options.failure_ratio);
  EXPECT_EQ(breaker.at("openDuration").at("default"), FormatDuration(options.open_duration));
  EXPECT_EQ(breaker.at("maxOpenDuration").at("default"), FormatDuration(options.max_open_duration));
  EXPECT_EQ(breaker.at("halfOpenProbes").at("default"), options.half_open_probes);
  EXPECT_EQ(breaker.at("maxProbesInFlight").at("default"), options.max_probes_in_flight);
  EXPECT_EQ(breaker.at("maxHalfOpen").at("default"), FormatDuration(options.max_half_open));
  EXPECT_EQ(breaker.at("healthyAfter").at("default"), FormatDuration(options.healthy_after));
  EXPECT_EQ(breaker.at("slowCallRatio").at("default"), options.slow_call_ratio);
  EXPECT_EQ(bulkhead.at("channels").at("default"), BulkheadConfig().channels);
  EXPECT_EQ(bulkhead.at("maxWait").at("default"), FormatDuration(BulkheadConfig().max_wait));
  EXPECT_EQ(userclient.at("dnsRefresh").at("default"), FormatDuration(ServiceConfig().dns_refresh));
}

TEST(SchemaTest, ItsDefaultsOfTheAdaptiveLimitAreThoseOfTheCode) {
  const json& limit = Schema().at("definitions").at("adaptiveLimit").at("properties");
  const AdaptiveLimitOptions options;

  EXPECT_EQ(options.algorithm, AdaptiveLimitOptions::Algorithm::kGradient);
  EXPECT_EQ(limit.at("algorithm").at("default"), kGradient);
  EXPECT_EQ(limit.at("initialLimit").at("default"), options.initial);
  EXPECT_EQ(limit.at("minLimit").at("default"), options.minimum);
  EXPECT_EQ(limit.at("maxLimit").at("default"), options.maximum);
  EXPECT_EQ(limit.at("window").at("default"), FormatDuration(options.window));
  EXPECT_EQ(limit.at("minimumSamples").at("default"), options.minimum_samples);
  EXPECT_EQ(limit.at("dropRatio").at("default"), options.drop_ratio);
  EXPECT_EQ(limit.at("timeout").at("default"), FormatDuration(options.timeout));
}

TEST(SchemaTest, ItsDefaultsOfMethodsAreThoseOfTheCode) {
  const json& extras = Schema().at("definitions").at("methodExtras").at("properties");
  const json& stale = Schema().at("definitions").at("staleIfError").at("properties");

  EXPECT_EQ(extras.at("singleFlight").at("default"), MethodExtras().single_flight);
  EXPECT_EQ(stale.at("maxAge").at("default"), FormatDuration(StaleIfErrorOptions().max_age));
  EXPECT_EQ(stale.at("maxBytes").at("default"), StaleIfErrorOptions().max_bytes);
}

TEST(SchemaTest, TakesTheShippedFiles) {
  const SchemaValidator validator(Schema());
  ASSERT_THAT(ShippedConfigs(), ::testing::Not(IsEmpty()));
  for (const std::filesystem::path& file : ShippedConfigs()) {
    EXPECT_EQ(validator.Validate(json::parse(ReadText(file))), std::nullopt) << file;
  }
}

struct Offence {
  std::string name;
  std::string json;

  friend void PrintTo(const Offence& tested, std::ostream* out) { *out << tested.name; }
};

class SchemaRefusalTest : public ::testing::TestWithParam<Offence> {};

TEST_P(SchemaRefusalTest, SchemaAndParserBothRefuse) {
  const SchemaValidator validator(Schema());

  EXPECT_NE(validator.Validate(json::parse(GetParam().json)), std::nullopt);
  EXPECT_FALSE(ServiceConfig::Parse(GetParam().json).ok());
}

INSTANTIATE_TEST_SUITE_P(
    Schema, SchemaRefusalTest,
    ::testing::Values(
        Offence{"UnknownKey", R"({"methodConfig": [{"name": [{}], "retryPolcy": {}}]})"},
        Offence{"TwoPolicies",
                R"({"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 2}, "retryPolicy": {"maxAttempts": 2,
            "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 1, "retryableStatusCodes": ["ABORTED"]}}]})"},
        Offence{"MethodWithoutService", R"({"methodConfig": [{"name": [{"method": "A"}]}]})"},
        Offence{"SlashInAName", R"({"methodConfig": [{"name": [{"service": "s.S/A"}]}]})"},
        Offence{"ReservedBulkhead", R"({"userclient": {"bulkheads": [{"name": "default", "methods": [{}]}]}})"},
        Offence{"BlankInABulkhead", R"({"userclient": {"bulkheads": [{"name": "a b", "methods": [{}]}]}})"},
        Offence{"MaxWaitAlone", R"({"userclient": {"bulkheads": [{"name": "a", "methods": [{}], "maxWait": "1s"}]}})"},
        Offence{
            "TwoLimits",
            R"({"userclient": {"bulkheads": [{"name": "a", "methods": [{}], "maxConcurrentCalls": 1, "adaptiveLimit": {}}]}})"},
        Offence{"SlowCallRatioAlone",
                R"({"userclient": {"bulkheads": [{"name": "a", "methods": [{}], "circuitBreaker": {"slowCallRatio": 1}}]}})"},
        Offence{"TimeoutOfTheGradient",
                R"({"userclient": {"bulkheads": [{"name": "a", "methods": [{}], "adaptiveLimit": {"timeout": "1s"}}]}})"},
        Offence{"RemeasuringOfAimd", R"({"userclient": {"bulkheads": [{"name": "a", "methods": [{}], "adaptiveLimit":
            {"algorithm": "aimd", "remeasureEvery": "60s"}}]}})"},
        Offence{"UnknownAlgorithm",
                R"({"userclient": {"bulkheads": [{"name": "a", "methods": [{}], "adaptiveLimit": {"algorithm": "vegas"}}]}})"},
        Offence{"PercentileOfOne", R"({"userclient": {"methods": [{"name": [{}], "hedgingDelayPercentile": 1}]}})"},
        Offence{"MethodWithoutASetting", R"({"userclient": {"methods": [{"name": [{}]}]}})"},
        Offence{"TwoPoliciesInOneObject", R"({"loadBalancingConfig": [{"a": {}, "b": {}}]})"},
        Offence{"StatusCodeTwice", R"({"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 2, "nonFatalStatusCodes":
            ["ABORTED", "ABORTED"]}}]})"}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace userclient::internal
