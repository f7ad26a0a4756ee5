#include "tests/layering/layering.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/layering/source_tree.h"

namespace userclient::layering {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SourceTree ProjectSources() { return SourceTree::Read(USERCLIENT_SOURCE_DIR, {"include", "src", "samples"}); }

std::vector<std::string> ViolationsOf(const SourceTree& tree, const std::vector<Exception>& exceptions = {}) {
  return FindViolations(tree, Rooms(), exceptions);
}

TEST(LayeringTest, NoFileOfTheProjectIncludesWhatItMayNot) {
  const std::vector<std::string> violations = FindViolations(ProjectSources(), Rooms(), Exceptions());

  EXPECT_THAT(violations, IsEmpty());
}

TEST(LayeringTest, ReadsTheProject) {
  const SourceTree tree = ProjectSources();

  EXPECT_TRUE(tree.Contains("include/userclient/user_client.h"));
  EXPECT_TRUE(tree.Contains("src/user_client.cc"));
  EXPECT_TRUE(tree.Contains("src/policy/retry_plan.h"));
  EXPECT_TRUE(tree.Contains("src/transport/channel_pool.cc"));
  EXPECT_TRUE(tree.Contains("samples/quickstart/main.cc"));
}

TEST(LayeringTest, PolicyMayNotKnowGrpc) {
  SourceTree tree;
  tree.Add("src/policy/verdict.cc", "#include <vector>\n\n#include <grpcpp/grpcpp.h>\n");

  EXPECT_THAT(ViolationsOf(tree),
              ElementsAre("src/policy/verdict.cc:3: includes grpcpp/grpcpp.h, but src/policy may not know gRPC"));
}

TEST(LayeringTest, PolicyMayNotReachGeneratedCodeThroughPublicHeaders) {
  SourceTree tree;
  tree.Add("include/userclient/outer.h", "#include \"userclient/inner.h\"\n");
  tree.Add("include/userclient/inner.h", "#include \"user/v1/user_service.pb.h\"\n");
  tree.Add("src/policy/verdict.h", "#include \"userclient/outer.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre("src/policy/verdict.h:1: includes userclient/outer.h, but src/policy may not know "
                                              "generated messages, which include/userclient/inner.h includes"));
}

TEST(LayeringTest, PolicyMayUseAPublicHeaderOfPlainTypes) {
  SourceTree tree;
  tree.Add("include/userclient/service_config.h", "#include <vector>\n#include \"absl/status/statusor.h\"\n");
  tree.Add("src/policy/retry_plan.h", "#include \"userclient/service_config.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), IsEmpty());
}

TEST(LayeringTest, PolicyAndTransportAreStrangers) {
  SourceTree tree;
  tree.Add("src/policy/verdict.h", "#include \"transport/status.h\"\n");
  tree.Add("src/transport/status.h", "#include \"policy/verdict.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(HasSubstr("src/policy may not know src/transport"),
                                              HasSubstr("src/transport may not know src/policy")));
}

TEST(LayeringTest, CallKnowsPolicyAndTransport) {
  SourceTree tree;
  tree.Add("src/policy/verdict.h", "");
  tree.Add("src/transport/status.h", "");
  tree.Add("src/call/unary_call.h", "#include \"policy/verdict.h\"\n#include \"transport/status.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), IsEmpty());
}

TEST(LayeringTest, ConfigMayNotKnowProtobuf) {
  SourceTree tree;
  tree.Add("src/config/service_config.cc", "#include <nlohmann/json.hpp>\n#include <google/protobuf/message.h>\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(HasSubstr("src/config may not know protobuf")));
}

TEST(LayeringTest, TransportMayNotKnowTheCall) {
  SourceTree tree;
  tree.Add("src/call/unary_call.h", "");
  tree.Add("src/transport/channel_pool.cc", "#include \"call/unary_call.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(HasSubstr("src/transport may not know src/call")));
}

TEST(LayeringTest, ThePublicHeadersMayNotKnowTheRooms) {
  SourceTree tree;
  tree.Add("src/policy/verdict.h", "");
  tree.Add("include/userclient/call_report.h", "#include \"policy/verdict.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(HasSubstr("include/userclient may not know src/policy")));
}

TEST(LayeringTest, ThePublicHeadersMayNotKnowGrpcOrStubs) {
  SourceTree tree;
  tree.Add("include/userclient/user_client.h", "#include <grpcpp/channel.h>\n#include \"user/v1/user_service.grpc.pb.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(HasSubstr("may not know gRPC"), HasSubstr("may not know generated stubs")));
}

TEST(LayeringTest, TheClientMayNotKnowTheServer) {
  SourceTree tree;
  tree.Add("include/userclient/server/user_server.h", "");
  tree.Add("src/server/memory_store.h", "");
  tree.Add("src/call/unary_call.h", "#include \"userclient/server/user_server.h\"\n#include \"server/memory_store.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(HasSubstr("src/call may not know include/userclient/server"),
                                              HasSubstr("src/call may not know src/server")));
}

TEST(LayeringTest, TheServerMayNotKnowTheInsideOfTheClient) {
  SourceTree tree;
  tree.Add("src/config/duration.h", "");
  tree.Add("src/server/fault_injector.cc", "#include \"config/duration.h\"\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(HasSubstr("src/server may not know src/config")));
}

TEST(LayeringTest, ASampleMayNotKnowWhatACallerCannot) {
  SourceTree tree;
  tree.Add("src/call/unary_call.h", "");
  tree.Add("samples/userctl/main.cc", "#include \"call/unary_call.h\"\n#include <grpcpp/grpcpp.h>\n#include \"output.h\"\n");
  tree.Add("samples/userctl/output.h", "");

  EXPECT_THAT(ViolationsOf(tree),
              ElementsAre(HasSubstr("samples/userctl may not know src/call"), HasSubstr("may not know gRPC")));
}

TEST(LayeringTest, AFolderWithoutRulesIsRefused) {
  SourceTree tree;
  tree.Add("src/misc/stuff.h", "");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(HasSubstr("src/misc is no room of this project")));
}

TEST(LayeringTest, AHeaderOfNobodyIsRefused) {
  SourceTree tree;
  tree.Add("src/policy/verdict.h", "#include \"boost/any.hpp\"\n");

  EXPECT_THAT(ViolationsOf(tree), ElementsAre(AllOf(HasSubstr("boost/any.hpp"), HasSubstr("no file of this project"))));
}

TEST(LayeringTest, AnExceptionCoversOneIncludeAndMustBeNeeded) {
  SourceTree tree;
  tree.Add("src/policy/verdict.h", "#include <grpcpp/support/status.h>\n#include <grpcpp/channel.h>\n");
  const std::vector<Exception> exceptions = {{"src/policy/verdict.h", "grpcpp/support/status.h"},
                                             {"src/policy/gone.h", "ares.h"}};

  EXPECT_THAT(ViolationsOf(tree, exceptions),
              ElementsAre(HasSubstr("grpcpp/channel.h"), "src/policy/gone.h: the exception for ares.h is not needed any more"));
}

TEST(SourceTreeTest, ReadsTheFilesOfAFolder) {
  const std::filesystem::path root = std::filesystem::path(::testing::TempDir()) / "userclient_layering_test";
  std::filesystem::create_directories(root / "src/policy");
  std::filesystem::copy_file(__FILE__, root / "src/policy/verdict.cc", std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(__FILE__, root / "src/policy/notes.txt", std::filesystem::copy_options::overwrite_existing);

  const SourceTree tree = SourceTree::Read(root, {"src", "no_such_folder"});
  std::filesystem::remove_all(root);

  ASSERT_THAT(tree.files(), ElementsAre(testing::Key("src/policy/verdict.cc")));
  EXPECT_EQ(tree.files().at("src/policy/verdict.cc").front().header, "tests/layering/layering.h");
}

TEST(SourceTreeTest, ReadsEveryWayToWriteAnInclude) {
  SourceTree tree;
  tree.Add("a.h", "#include <a>\n  #  include\t\"b.h\"  // why\n// #include <c>\nint include;\n");

  ASSERT_EQ(tree.files().at("a.h").size(), 2u);
  EXPECT_EQ(tree.files().at("a.h")[0].header, "a");
  EXPECT_EQ(tree.files().at("a.h")[1].header, "b.h");
  EXPECT_EQ(tree.files().at("a.h")[1].line, 2);
}

}  // namespace
}  // namespace userclient::layering
