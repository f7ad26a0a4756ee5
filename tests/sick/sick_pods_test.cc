// One of three pods is sick, and the service config is the shipped one: what its callers notice of it, and for how long. Real
// processes, an even load. Limits are a multiple of what was measured (docs/sick_servers.md).

#include <chrono>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/sick/load.h"
#include "tests/sick/pods.h"
#include "tests/sick/sickness.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::MakeHealthy;
using testing::MakeSick;
using testing::Outcomes;
using testing::Pods;
using testing::RunLoad;
using testing::Sickness;

/// A pod that fails everything is ejected at the end of a whole second of it; a stuck attempt takes a second more to fail.
constexpr auto kEjectedAfter = 4s;
/// So many of the six seconds from then on must be as if all pods were well. A pod that is not ejected meets calls in every one;
/// a machine that stands still for a moment spoils one or two.
constexpr int kQuietSeconds = 2;

class SickPodTest : public ::testing::Test {
 protected:
  SickPodTest() {
    for (size_t i = 0; i < kPods; ++i) MakeHealthy(pods_[i]);
  }

  /// The calls from the moment on in which the second pod became sick.
  Outcomes CallsWhileOneIs(Sickness sickness, const std::string& config = "production.json") {
    const absl::StatusOr<UserClient> client =
        UserClient::Create({.target = pods_.target(),
                            .credentials = Credentials::Insecure(),
                            .service_config_file = std::filesystem::path(SERVICE_CONFIGS) / config});
    EXPECT_TRUE(client.ok()) << client.status();
    if (!client.ok()) return Outcomes({});
    return RunLoad(*client,
                   {.calls_per_second = 100, .lasting = 11s, .event_at = 1s, .event = [&] { MakeSick(pods_[1], sickness); }})
        .From(0s);
  }

  static constexpr size_t kPods = 3;
  Pods pods_{kPods};
};

TEST_F(SickPodTest, ThatHangsFailsNoCallAndSlowsThemForSeconds) {
  const Outcomes calls = CallsWhileOneIs(Sickness::kHangs);

  EXPECT_EQ(calls.Failed(), 0);
  EXPECT_GT(calls.Slow(450ms), 0) << "nothing met the pod that hangs";
  EXPECT_GE(calls.From(kEjectedAfter).SecondsWithoutSlow(450ms), kQuietSeconds);
}

TEST_F(SickPodTest, ThatHangsDoesNoMoreHarmWithTheBuiltInConfig) {
  const Outcomes calls = CallsWhileOneIs(Sickness::kHangs, "default.json");

  EXPECT_EQ(calls.Failed(), 0);
  EXPECT_GT(calls.Slow(900ms), 0) << "nothing met the pod that hangs";
  EXPECT_GE(calls.From(kEjectedAfter).SecondsWithoutSlow(900ms), kQuietSeconds);
}

TEST_F(SickPodTest, ThatRefusesConnectionsIsNotNoticed) {
  const Outcomes calls = CallsWhileOneIs(Sickness::kRefuses);

  EXPECT_EQ(calls.Failed(), 0);
  EXPECT_GE(calls.From(kEjectedAfter).SecondsWithoutRetries(), kQuietSeconds);
}

TEST_F(SickPodTest, ThatAnswersUnavailableIsLeftAloneWithinSeconds) {
  const Outcomes calls = CallsWhileOneIs(Sickness::kUnavailable);

  // A call fails when four attempts, taken in turn with those of others, all meet the sick pod.
  EXPECT_LT(calls.Failed(), calls.count() / 20);
  EXPECT_GT(calls.Retried(), 0) << "nothing met the sick pod";
  EXPECT_GE(calls.From(kEjectedAfter).SecondsWithoutRetries(), kQuietSeconds);
}

}  // namespace
}  // namespace userclient
