#include "userclient/endpoint_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>
#include <string>

#include "tests/support/scripted_name_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using userclient::testing::DnsFamily;
using userclient::testing::NoAddress;
using userclient::testing::ScriptedNameServer;
using userclient::testing::ServFail;
using userclient::testing::Silence;

class EndpointLookupTest : public ::testing::Test {
 protected:
  ScriptedNameServer server_;
  EndpointLookup lookup_ = EndpointLookup::Create("dns://" + server_.authority() + "/users.test:50051").value();
};

TEST_F(EndpointLookupTest, FindsTheEndpointsAsTheyAreNow) {
  server_.Set("users.test", {.addresses = {"10.0.0.1"}}, {.addresses = {"fd00::1"}});
  const absl::StatusOr<Endpoints> before = lookup_.Look();
  server_.Set("users.test", {.addresses = {"10.0.0.2", "10.0.0.1"}}, NoAddress());
  const absl::StatusOr<Endpoints> after = lookup_.Look();

  EXPECT_EQ(lookup_.host(), "users.test");
  EXPECT_EQ(lookup_.port(), 50051);
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(*before, (Endpoints{.ipv4 = {"10.0.0.1"}, .ipv6 = {"fd00::1"}}));
  EXPECT_EQ(*after, (Endpoints{.ipv4 = {"10.0.0.1", "10.0.0.2"}}));
}

TEST_F(EndpointLookupTest, AFamilyThatFailsKeepsItsAddresses) {
  server_.Set("users.test", {.addresses = {"10.0.0.1"}}, {.addresses = {"fd00::1"}});
  lookup_.Look().IgnoreError();
  server_.Set("users.test", DnsFamily::kIpv6, ServFail());

  EXPECT_THAT(lookup_.Look()->ipv6, ElementsAre("fd00::1"));
}

TEST_F(EndpointLookupTest, TellsWhyThereAreNone) { EXPECT_EQ(lookup_.Look().status().code(), StatusCode::kNotFound); }

TEST_F(EndpointLookupTest, TakesNoLongerThanTold) {
  server_.Set("users.test", Silence(), Silence());

  EXPECT_EQ(lookup_.Look(100ms).status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(EndpointLookupTest, CanBeStopped) {
  server_.Set("users.test", Silence(), Silence());
  std::stop_source stop;
  stop.request_stop();

  EXPECT_EQ(lookup_.Look(600s, stop.get_token()).status().code(), StatusCode::kCancelled);
}

TEST_F(EndpointLookupTest, RefusesATargetWithoutAName) {
  const absl::Status status = EndpointLookup::Create("unix:/run/users.sock").status();

  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("target \"unix:/run/users.sock\": holds no name"));
}

}  // namespace
}  // namespace userclient
