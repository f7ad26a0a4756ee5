#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/test_client.h"

namespace userclient::testing {
namespace {

struct Row {
  std::pair<std::string, std::string> pair;
  std::string problem;
};

class UnsendableMetadataTest : public ::testing::TestWithParam<Row> {};

TEST_P(UnsendableMetadataTest, IsRefusedByName) {
  const UserClient client = ConnectTo("127.0.0.1:1");

  const auto user = client.GetUser(AskFor("u-1"), {.metadata = {{"x-fine", "fine"}, GetParam().pair}});

  EXPECT_EQ(user.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(user.status().message()), ::testing::HasSubstr("CallOptions.metadata[1]"));
  EXPECT_THAT(std::string(user.status().message()), ::testing::HasSubstr(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(Pairs, UnsendableMetadataTest,
                         ::testing::Values(Row{{"", "x"}, "the key is empty"}, Row{{"X-Tenant", "x"}, "lower case"},
                                           Row{{"x tenant", "x"}, "lower case"}, Row{{":path", "x"}, "lower case"},
                                           Row{{"x\n", "x"}, "lower case"}, Row{{"grpc-timeout", "1S"}, "belong to gRPC"},
                                           Row{{"x-text", "line\nbreak"}, "-bin"}, Row{{"x-text", "\xc3\xa4"}, "-bin"}));

}  // namespace
}  // namespace userclient::testing
