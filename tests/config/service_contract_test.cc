#include "config/service_contract.h"

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

absl::Status CheckShop(std::string_view json) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(json);
  EXPECT_TRUE(config.ok()) << config.status();
  if (!config.ok()) return config.status();
  return CheckAgainstService(*config,
                             {.full_name = "shop.v1.Shop",
                              .methods = {{.name = "Look", .idempotency = Idempotency::kNoSideEffects},
                                          {.name = "Pay", .idempotency = Idempotency::kIdempotent},
                                          {.name = "Ring", .idempotency = Idempotency::kUnknown},
                                          {.name = "Watch", .idempotency = Idempotency::kNoSideEffects, .streaming = true}}});
}

std::string WithRetries(std::string_view names) {
  return R"({"name": )" + std::string(names) +
         R"(, "retryPolicy": {"maxAttempts": 2, "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 2,
                              "retryableStatusCodes": ["UNAVAILABLE"]}})";
}

std::string WithHedging(std::string_view names) {
  return R"({"name": )" + std::string(names) + R"(, "hedgingPolicy": {"maxAttempts": 2}})";
}

std::string Extras(std::string_view entries) { return R"({"userclient": {"methods": [)" + std::string(entries) + "]}}"; }

std::string Config(std::string_view entries) { return R"({"methodConfig": [)" + std::string(entries) + "]}"; }

TEST(ServiceContractTest, AConfigThatSaysNothingSuitsEveryService) { EXPECT_EQ(CheckShop("{}"), absl::OkStatus()); }

TEST(ServiceContractTest, TakesRetriesOfIdempotentMethods) {
  EXPECT_EQ(CheckShop(Config(
                WithRetries(R"([{"service": "shop.v1.Shop", "method": "Look"}, {"service": "shop.v1.Shop", "method": "Pay"}])"))),
            absl::OkStatus());
}

TEST(ServiceContractTest, RefusesAMethodThatTheServiceDoesNotHave) {
  EXPECT_EQ(CheckShop(Config(R"({"name": [{"service": "shop.v1.Shop"}, {"service": "shop.v1.Shop", "method": "Lok"}]})")),
            absl::InvalidArgumentError("methodConfig[0].name[1].method: shop.v1.Shop has no method \"Lok\"; did you mean Look?"));
}

TEST(ServiceContractTest, RefusesAnUnknownMethodInABulkhead) {
  EXPECT_EQ(
      CheckShop(R"({"userclient": {"bulkheads": [{"name": "a", "methods": [{"service": "shop.v1.Shop", "method": "Steal"}]}]}})"),
      absl::InvalidArgumentError("userclient.bulkheads[0].methods[0].method: shop.v1.Shop has no method \"Steal\""));
}

TEST(ServiceContractTest, LeavesOtherServicesAlone) {
  EXPECT_EQ(CheckShop(Config(R"({"name": [{"service": "shop.v1.Shop"}]},)" +
                             WithRetries(R"([{"service": "bank.v1.Bank", "method": "Move"}])"))),
            absl::OkStatus());
}

TEST(ServiceContractTest, RefusesRetriesOfAMethodThatIsNotDeclaredIdempotent) {
  EXPECT_EQ(
      CheckShop(Config(WithRetries(R"([{"service": "shop.v1.Shop", "method": "Ring"}])"))),
      absl::InvalidArgumentError("methodConfig[0].retryPolicy: reaches shop.v1.Shop/Ring, which may not be sent twice: its "
                                 "idempotency_level is not declared. Name only methods that are IDEMPOTENT or NO_SIDE_EFFECTS"));
}

TEST(ServiceContractTest, RefusesRetriesThatReachAMethodByItsService) {
  EXPECT_EQ(
      CheckShop(Config(R"({"name": [{}]}, )" + WithRetries(R"([{"service": "shop.v1.Shop"}])"))),
      absl::InvalidArgumentError("methodConfig[1].retryPolicy: reaches shop.v1.Shop/Ring, which may not be sent twice: its "
                                 "idempotency_level is not declared. Name only methods that are IDEMPOTENT or NO_SIDE_EFFECTS"));
}

TEST(ServiceContractTest, RefusesRetriesThatReachAMethodByTheNameOfEverything) {
  EXPECT_EQ(
      CheckShop(Config(WithRetries("[{}]"))),
      absl::InvalidArgumentError("methodConfig[0].retryPolicy: reaches shop.v1.Shop/Ring, which may not be sent twice: its "
                                 "idempotency_level is not declared. Name only methods that are IDEMPOTENT or NO_SIDE_EFFECTS"));
}

TEST(ServiceContractTest, TakesRetriesForEverythingIfTheMethodHasAnEntryOfItsOwn) {
  EXPECT_EQ(CheckShop(Config(WithRetries("[{}]") + R"(, {"name": [{"service": "shop.v1.Shop", "method": "Ring"}]})")),
            absl::OkStatus());
}

TEST(ServiceContractTest, TakesHedgingOfAMethodWithoutSideEffects) {
  EXPECT_EQ(CheckShop(Config(WithHedging(R"([{"service": "shop.v1.Shop", "method": "Look"}])"))), absl::OkStatus());
}

TEST(ServiceContractTest, RefusesHedgingOfEveryOtherMethod) {
  EXPECT_EQ(CheckShop(Config(WithHedging(R"([{"service": "shop.v1.Shop"}])"))),
            absl::InvalidArgumentError(
                "3 problems:\n"
                "  methodConfig[0].hedgingPolicy: reaches shop.v1.Shop/Pay, which may not run twice at once: its "
                "idempotency_level is not NO_SIDE_EFFECTS. Name only methods that are\n"
                "  methodConfig[0].hedgingPolicy: reaches shop.v1.Shop/Ring, which may not run twice at once: its "
                "idempotency_level is not NO_SIDE_EFFECTS. Name only methods that are\n"
                "  methodConfig[0].hedgingPolicy: reaches shop.v1.Shop/Watch, which is a stream. Name only unary methods"));
}

TEST(ServiceContractTest, TakesExtrasOfAMethodWithoutSideEffects) {
  EXPECT_EQ(CheckShop(R"({"methodConfig": [)" + WithHedging(R"([{"service": "shop.v1.Shop", "method": "Look"}])") +
                      R"(], "userclient": {"methods": [{"name": [{"service": "shop.v1.Shop", "method": "Look"}],
                             "hedgingDelayPercentile": 0.95, "staleIfError": {}, "singleFlight": true}]}})"),
            absl::OkStatus());
}

TEST(ServiceContractTest, RefusesAnUnknownMethodInTheExtras) {
  EXPECT_EQ(CheckShop(Extras(R"({"name": [{"service": "shop.v1.Shop", "method": "Loook"}], "singleFlight": true})")),
            absl::InvalidArgumentError(
                "userclient.methods[0].name[0].method: shop.v1.Shop has no method \"Loook\"; did you mean Look?"));
}

TEST(ServiceContractTest, RefusesStaleAnswersOfEveryOtherMethod) {
  EXPECT_EQ(CheckShop(Extras(R"({"name": [{"service": "shop.v1.Shop"}], "staleIfError": {}})")),
            absl::InvalidArgumentError(
                "3 problems:\n"
                "  userclient.methods[0].staleIfError: reaches shop.v1.Shop/Pay, which may not be answered from memory: its "
                "idempotency_level is not NO_SIDE_EFFECTS. Name only methods that are\n"
                "  userclient.methods[0].staleIfError: reaches shop.v1.Shop/Ring, which may not be answered from memory: its "
                "idempotency_level is not NO_SIDE_EFFECTS. Name only methods that are\n"
                "  userclient.methods[0].staleIfError: reaches shop.v1.Shop/Watch, which is a stream. Name only unary methods"));
}

TEST(ServiceContractTest, RefusesSingleFlightOfEveryOtherMethod) {
  EXPECT_EQ(CheckShop(Extras(R"({"name": [{}], "singleFlight": true},
                                {"name": [{"service": "shop.v1.Shop", "method": "Watch"}], "singleFlight": true},
                                {"name": [{"service": "shop.v1.Shop", "method": "Ring"}], "singleFlight": false})")),
            absl::InvalidArgumentError(
                "2 problems:\n"
                "  userclient.methods[0].singleFlight: reaches shop.v1.Shop/Pay, which may not stand for several calls: its "
                "idempotency_level is not NO_SIDE_EFFECTS. Name only methods that are\n"
                "  userclient.methods[1].singleFlight: reaches shop.v1.Shop/Watch, which is a stream. Name only unary methods"));
}

TEST(ServiceContractTest, RefusesAHedgingDelayWhereNothingIsHedged) {
  EXPECT_EQ(
      CheckShop(R"({"methodConfig": [{"name": [{}]}, )" + WithHedging(R"([{"service": "shop.v1.Shop", "method": "Look"}])") +
                R"(], "userclient": {"methods": [
                             {"name": [{"service": "shop.v1.Shop", "method": "Look"}, {"service": "shop.v1.Shop", "method": "Pay"}],
                              "hedgingDelayPercentile": 0.95}]}})"),
      absl::InvalidArgumentError("userclient.methods[0].hedgingDelayPercentile: reaches shop.v1.Shop/Pay, which has no "
                                 "hedgingPolicy; give it one in methodConfig"));
}

TEST(ServiceContractTest, LeavesExtrasOfOtherServicesAlone) {
  EXPECT_EQ(CheckShop(Extras(R"({"name": [{"service": "bank.v1.Bank"}], "hedgingDelayPercentile": 0.95, "staleIfError": {}})")),
            absl::OkStatus());
}

TEST(ServiceContractTest, RefusesAConfigForAnotherService) {
  EXPECT_EQ(CheckShop(Config(R"({"name": [{"service": "bank.v1.Bank"}]})")),
            absl::InvalidArgumentError("methodConfig: no entry applies to shop.v1.Shop"));
}

TEST(ServiceContractTest, NoticesAMisspeltService) {
  EXPECT_EQ(
      CheckShop(Config(R"({"name": [{"service": "shop.v1.Shops"}]})")),
      absl::InvalidArgumentError("methodConfig: no entry applies to shop.v1.Shop; is \"shop.v1.Shops\" a misspelling of it?"));
}

}  // namespace
}  // namespace userclient::internal
