// samples/own_service: a service that userclient does not know, called through its core.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/e2e/patient_config.h"
#include "tests/e2e/program.h"
#include "tests/server/temporary_directory.h"

namespace userclient {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::Program;
using ::testing::StartsWith;
using testing::TemporaryDirectory;

/// order_server on a free port; ended with the test.
class OrderServer {
 public:
  explicit OrderServer(std::vector<std::string> more_arguments = {})
      : program_([&] {
          std::vector<std::string> arguments = {ORDER_SERVER_PROGRAM, "127.0.0.1:0"};
          arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
          return arguments;
        }()) {
    const std::string line = program_.ReadLine();
    EXPECT_THAT(line, StartsWith(kListening));
    address_ = "127.0.0.1:" + line.substr(kListening.size());
  }

  const std::string& address() const { return address_; }

  Program::Result Stop() {
    program_.Signal(SIGTERM);
    return program_.Wait();
  }

 private:
  static inline const std::string kListening = "listening on port ";

  Program program_;
  std::string address_;
};

Program::Result Orders(const OrderServer& server, const std::string& command, const std::string& id) {
  const TemporaryDirectory directory;
  const std::string config = directory.Write("orders.json", testing::PatientConfig(ORDERS_CONFIG)).string();
  return Program({READ_ORDERS_PROGRAM, server.address(), config, command, id}).Wait();
}

constexpr char kAllOrders[] =
    "o-1 c-1 1 x lamp\n"
    "o-2 c-1 2 x chair\n"
    "o-3 c-1 3 x table\n"
    "o-4 c-1 4 x shelf\n"
    "o-5 c-1 5 x rug\n";

TEST(OwnServiceTest, OneOrderTakesOneAttempt) {
  const OrderServer server;

  const Program::Result got = Orders(server, "get", "o-2");

  EXPECT_EQ(got.exit_status, 0);
  EXPECT_EQ(got.out, "o-2 c-1 2 x chair\n");
  EXPECT_EQ(got.err, "");
}

TEST(OwnServiceTest, WhatTheServerSaysIsToldAsItIs) {
  const OrderServer server;

  const Program::Result got = Orders(server, "get", "o-9");

  EXPECT_EQ(got.exit_status, 1);
  EXPECT_EQ(got.err, "NOT_FOUND: there is no order o-9\n");
}

TEST(OwnServiceTest, AnOrderIsReadThoughTheFirstAttemptFails) {
  const OrderServer server({"--flaky"});

  const Program::Result got = Orders(server, "get", "o-1");

  EXPECT_EQ(got.exit_status, 0);
  EXPECT_EQ(got.out, "o-1 c-1 1 x lamp\n");
  EXPECT_EQ(got.err, "2 attempts\n");
}

TEST(OwnServiceTest, EveryOrderComesOnceThoughTheStreamBreaksTwice) {
  const OrderServer server({"--flaky"});

  const Program::Result listed = Orders(server, "list", "c-1");

  EXPECT_EQ(listed.exit_status, 0);
  EXPECT_EQ(listed.out, kAllOrders);
  EXPECT_EQ(listed.err, "3 attempts\n");
}

TEST(OwnServiceTest, ObserverAndSnapshotTellOfTheCircuit) {
  const OrderServer server({"--flaky"});

  const Program::Result repeated = Orders(server, "repeat", "o-1");

  EXPECT_EQ(repeated.exit_status, 0);
  EXPECT_THAT(repeated.err, StartsWith("reads: closed -> open\n"));
  EXPECT_THAT(repeated.out, ContainsRegex("^50 calls: [0-9]+ OK, [1-9][0-9]* refused by the open circuit\n"));
  EXPECT_THAT(repeated.out, HasSubstr("\"name\":\"reads\",\"methods\":[\"orders.v1.OrderService/GetOrder\"]"));
  EXPECT_THAT(repeated.out, HasSubstr("\"breaker\":{\"state\":\"open\""));
}

std::string TextOf(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// From `begin` to the first `end` after it.
std::string Cut(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  const std::size_t to = text.find(end, from);
  if (from == std::string::npos || to == std::string::npos) {
    ADD_FAILURE() << "there is no " << begin << " in\n" << text;
    return "";
  }
  return text.substr(from, to + end.size() - from);
}

TEST(OwnServiceTest, HedgesAsTheReadmeSays) {
  const OrderServer server({"--flaky"});
  std::string config = TextOf(ORDERS_CONFIG);
  const std::string retries = Cut(config, "\"retryPolicy\"", "}");
  const std::string hedges = Cut(TextOf(ORDERS_README), "\"hedgingPolicy\"", "}");
  config.replace(config.find(retries), retries.size(), hedges);
  const TemporaryDirectory directory;
  const std::string file = directory.Write("hedged_orders.json", config).string();

  const Program::Result repeated = Program({READ_ORDERS_PROGRAM, server.address(), file, "repeat", "o-1"}).Wait();

  EXPECT_EQ(repeated.exit_status, 0) << repeated.err;
  EXPECT_THAT(repeated.out, ContainsRegex("\"hedges\":[1-9]"));
  EXPECT_THAT(repeated.out, HasSubstr("\"retries\":0"));
}

TEST(OwnServiceTest, AnotherServersConfigIsRefused) {
  const OrderServer server;

  const Program::Result got = Program({READ_ORDERS_PROGRAM, server.address(), USER_SERVICE_CONFIG, "get", "o-1"}).Wait();

  EXPECT_EQ(got.exit_status, 1);
  EXPECT_THAT(got.err, HasSubstr("orders.v1.OrderService"));
}

TEST(OwnServiceTest, TheServerEndsWellWhenToldTo) {
  OrderServer server;

  const Program::Result ended = server.Stop();

  EXPECT_EQ(ended.exit_status, 0);
}

}  // namespace
}  // namespace userclient
