// docs/defaults.md and docs/service_config.md have the defaults that the code has.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <span>
#include <sstream>
#include <string>
#include <utility>

#include "userclient/user_client.h"

namespace userclient {
namespace {

namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::Key;
using ::testing::MatchesRegex;
using Rows = std::map<std::string, std::string>;

const fs::path kRoot = USERCLIENT_SOURCE_DIR;

std::string Read(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(kRoot / file).rdbuf();
  return text.str();
}

/// What the tables say of a name: the second column, or the one after `between`, by the first.
Rows RowsOf(const std::string& document, const std::string& between = "") {
  const std::regex row("\n\\| `([^`]+)` \\|" + between + " ([^|]*) \\|");
  Rows rows;
  for (std::sregex_iterator match(document.begin(), document.end(), row), end; match != end; ++match) {
    rows.emplace((*match)[1], (*match)[2]);
  }
  return rows;
}

std::string ValueOf(const Rows& rows, const std::string& name) {
  const auto row = rows.find(name);
  return row == rows.end() ? "no row" : row->second;
}

/// "std::chrono::seconds(5)" is "5 s" on the page.
std::string AsOnThePage(const std::string& value) {
  static const std::array<std::pair<std::regex, const char*>, 7> kForms = {{
      {std::regex(R"(std::chrono::seconds\((\d+)\))"), "$1 s"},
      {std::regex(R"(std::chrono::milliseconds\((\d+)\))"), "$1 ms"},
      {std::regex(R"(size_t\{(\d+)\} << 20)"), "$1 MiB"},
      {std::regex(R"re("(.*)")re"), "`$1`"},
      {std::regex("true|false"), "`$&`"},
      {std::regex(R"(\w+::(k\w+))"), "`$1`"},
      {std::regex(R"((\d+)'(\d+))"), "$1$2"},
  }};
  for (const auto& [in_code, on_page] : kForms) {
    if (std::regex_match(value, in_code)) return std::regex_replace(value, in_code, on_page);
  }
  return value;
}

/// The members of options in a header that begin as something else than empty.
Rows DefaultsIn(const fs::path& header) {
  static const std::regex kStruct(R"(struct (\w+(?:Options|Limits?|Rules)) \{)");
  static const std::regex kMember(R"(  [\w:]+ (\w+) = (.+);)");
  Rows defaults;
  std::string of;
  std::istringstream lines(Read(header));
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kStruct)) {
      of = match[1];
    } else if (line == "};") {
      of.clear();
    } else if (!of.empty() && std::regex_match(line, match, kMember)) {
      defaults.emplace(of + "::" + match[1].str(), AsOnThePage(match[2]));
    }
  }
  return defaults;
}

TEST(DefaultsTest, ThePageHasThoseOfAllOptions) {
  Rows code;
  for (const fs::directory_entry& header : fs::recursive_directory_iterator(kRoot / "include/userclient")) {
    // Its options are fields of the service config, which has a page of its own.
    if (header.is_regular_file() && header.path().filename() != "service_config.h") code.merge(DefaultsIn(header.path()));
  }
  const Rows page = RowsOf(Read("docs/defaults.md"));

  EXPECT_THAT(code, Contains(Key("ClientOptions::default_timeout")));
  for (const auto& [option, value] : code) EXPECT_EQ(ValueOf(page, option), value) << option;
}

TEST(DefaultsTest, ThePageHasTheArgumentsOfEveryChannel) {
  std::map<std::string, int> numbers;
  const ChannelFactory note_arguments = [&](const grpc::ChannelArguments& arguments) {
    const grpc_channel_args all = arguments.c_channel_args();
    for (const grpc_arg& argument : std::span(all.args, all.args == nullptr ? 0 : all.num_args)) {
      if (argument.type == GRPC_ARG_INTEGER) numbers[argument.key] = argument.value.integer;
    }
    return grpc::CreateCustomChannel("ipv4:127.0.0.1:1", grpc::InsecureChannelCredentials(), arguments);
  };
  ASSERT_TRUE(UserClient::Create({.channel_factory = note_arguments}).ok());
  const Rows page = RowsOf(Read("docs/defaults.md"));

  // Whatever their numbers are.
  EXPECT_EQ(numbers.erase("userclient.client") + numbers.erase("userclient.pool"), 2u);
  EXPECT_THAT(numbers, Contains(Key("grpc.keepalive_time_ms")));
  for (const auto& [argument, number] : numbers) {
    EXPECT_THAT(ValueOf(page, argument), MatchesRegex("(.* )?" + std::to_string(number) + "( .*)?")) << argument;
  }
}

TEST(DefaultsTest, TheServiceConfigsPageHasThoseOfTheSchema) {
  const std::string document = Read("docs/service_config.md");
  const auto schema = nlohmann::json::parse(Read("service_config/userclient.schema.json"));
  int fields = 0;
  for (const auto& [object, definition] : schema.at("definitions").items()) {
    const size_t begin = document.find("\n## `" + object + "`");
    if (begin == std::string::npos) continue;
    const Rows page = RowsOf(document.substr(begin, document.find("\n## ", begin + 1) - begin), R"( [^|]*\|[^|]*\|)");
    for (const auto& [field, properties] : definition.at("properties").items()) {
      if (!properties.contains("default")) continue;
      std::string shown = ValueOf(page, field);
      std::erase(shown, '`');
      EXPECT_EQ(shown, properties.at("default").dump()) << object << "." << field;
      ++fields;
    }
  }
  EXPECT_GE(fields, 24);
}

}  // namespace
}  // namespace userclient
