/// docs/service_config.md says what the parser does: its tables have the parser's fields, and its examples are run.

#include <ostream>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/field_tables.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/config/files.h"
#include "tests/config/test_name.h"
#include "userclient/service_config.h"

namespace userclient::internal {
namespace {

using ::testing::ElementsAreArray;
using ::testing::Ge;
using ::testing::SizeIs;

std::string Page() { return ReadText(SourceFile("docs/service_config.md")); }

// The text under the heading that begins with "## `name`".
std::string Section(std::string_view name) {
  const std::string page = Page();
  const size_t begin = page.find("\n## `" + std::string(name) + "`");
  if (begin == std::string::npos) return "";
  return page.substr(begin, page.find("\n## ", begin + 1) - begin);
}

struct Row {
  std::string key;
  bool required;

  friend bool operator==(const Row&, const Row&) = default;
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.key << (row.required ? " (required)" : ""); }
};

// | `key` | type | range | default | ...
std::vector<Row> Rows(const std::string& section) {
  const std::regex row(R"(\n\| `([^`]+)` \|[^|]*\|[^|]*\|\s*([^|]*?)\s*\|)");
  std::vector<Row> rows;
  for (std::sregex_iterator match(section.begin(), section.end(), row), end; match != end; ++match) {
    rows.push_back({(*match)[1], (*match)[2] == "required"});
  }
  return rows;
}

class DocumentedObjectTest : public ::testing::TestWithParam<const ObjectSpec*> {};

TEST_P(DocumentedObjectTest, HasATableOfItsFields) {
  std::vector<Row> expected;
  for (const FieldSpec& field : GetParam()->fields) expected.push_back({std::string(field.key), field.required});

  EXPECT_THAT(Rows(Section(GetParam()->name)), ElementsAreArray(expected));
}

INSTANTIATE_TEST_SUITE_P(Documentation, DocumentedObjectTest,
                         ::testing::Values(&kMethodNameSpec, &kRetryPolicySpec, &kHedgingPolicySpec, &kMethodConfigSpec,
                                           &kRetryThrottlingSpec, &kHealthCheckConfigSpec, &kCircuitBreakerSpec,
                                           &kAdaptiveLimitSpec, &kBulkheadSpec, &kStaleIfErrorSpec, &kMethodExtrasSpec,
                                           &kUserclientSpec, &kServiceConfigSpec),
                         [](const auto& tested) { return std::string(tested.param->name); });

// A ```json block and the ```text block after it.
std::vector<std::pair<std::string, std::string>> RefusedExamples() {
  const std::string page = Page();
  const std::regex example("```json\n([^`]*)\n```\n\n```text\n([^`]*)\n```");
  std::vector<std::pair<std::string, std::string>> examples;
  for (std::sregex_iterator match(page.begin(), page.end(), example), end; match != end; ++match) {
    examples.emplace_back((*match)[1], (*match)[2]);
  }
  return examples;
}

TEST(DocumentationTest, ItsRefusalsAreThoseOfTheParser) {
  ASSERT_THAT(RefusedExamples(), SizeIs(Ge(5u)));
  for (const auto& [json, error] : RefusedExamples()) {
    EXPECT_EQ(std::string(ServiceConfig::Parse(json).status().message()), error);
  }
}

}  // namespace
}  // namespace userclient::internal
