// The status page of samples/profile_service in a real browser, before real servers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <regex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/profile/browser.h"
#include "tests/profile/profile_service_process.h"

namespace profile_service::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using userclient::testing::Program;

/// user_server, the program, whose GetUser always fails.
class SickServer {
 public:
  SickServer()
      : program_({USER_SERVER_PROGRAM, "--listen", "127.0.0.1:0", "--seed-users", "1", "--log", "none", "--faults",
                  R"({"faults": [{"method": "GetUser", "probability": 1, "status": "UNAVAILABLE"}]})"}) {
    const std::string line = program_.ReadLine();
    EXPECT_THAT(line, StartsWith("listening on "));
    address_ = line.substr(line.rfind(' ') + 1);
  }

  const std::string& address() const { return address_; }

 private:
  Program program_;
  std::string address_;
};

constexpr char kBreaker[] = R"({"window": "60s", "minimumCalls": 4, "failureRatio": 0.5, "openDuration": "60s"})";

/// For as long as it lives: reads, which the open circuit refuses, and writes, of which every second one fails.
class Load {
 public:
  /// Blocks until the circuit has opened and all of it is in the figures, which tell of whole seconds that are over.
  explicit Load(const ProfileServiceProcess& service)
      : thread_([&service](const std::stop_token& stop) {
          for (int i = 100; !stop.stop_requested(); ++i) {
            service.Get("/profiles/u-1");
            service.Post("/profiles", R"({"email": "user)" + std::to_string(i) + R"(@example.com"})");
            service.Post("/profiles", R"({"email": "user1@example.com"})");
          }
        }) {
    service.GetUntil("/status.json", [](const httplib::Response& answer) {
      const Json recent = Json::parse(answer.body)["live"]["all"]["recent"];
      return recent["rejected"] > 0 && recent["failed"] > recent["rejected"];
    });
  }

 private:
  std::jthread thread_;
};

/// The text of a figure on the page.
std::string FigureOf(const std::string& page, const std::string& name) {
  std::smatch match;
  const std::regex pattern("data-figure=\"" + name + "\"><dt>[^<]*</dt><dd>([^<]*)<");
  return std::regex_search(page, match, pattern) ? match[1].str() : "no such figure";
}

class StatusPageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasBrowser()) GTEST_SKIP() << "needs chromium (Debian: apt-get install chromium, or ./run setup test)";
  }

  ScratchDirectory directory_;
  SickServer server_;
};

TEST_F(StatusPageTest, ShowsStatesNumbersPlotsAndEvents) {
  const ProfileServiceProcess service(server_.address(),
                                      {"--config", directory_.Write("config.json", Config(kBreaker)), "--log", "none"});
  const Load load(service);

  const std::string page = OpenPage(service.url(), 3);

  EXPECT_THAT(page, HasSubstr("<body data-answering=\"yes\">"));
  EXPECT_THAT(page, HasSubstr("data-compartment=\"reads\" data-state=\"open\""));
  EXPECT_THAT(page, HasSubstr("data-compartment=\"writes\" data-state=\"closed\""));
  EXPECT_THAT(page, ContainsRegex("id=\"overall\" class=\"pill bad\"[^>]*>reads open<"));
  EXPECT_THAT(page, ContainsRegex("<title>[^<]*reads open"));
  EXPECT_THAT(FigureOf(page, "calls"), ContainsRegex("^[0-9.]+$"));
  EXPECT_NE(FigureOf(page, "calls"), "0");
  EXPECT_NE(FigureOf(page, "refused"), "0");
  EXPECT_NE(FigureOf(page, "failures"), "0");
  EXPECT_THAT(FigureOf(page, "p99"), ContainsRegex("^[0-9.]+ m?s$"));
  EXPECT_THAT(page, HasSubstr("Tries again in "));
  EXPECT_THAT(page, HasSubstr("<polygon "));
  EXPECT_THAT(page, ContainsRegex("class=\"(stroke|dot) p99"));
  EXPECT_THAT(page, HasSubstr("reads: closed → open: failure ratio reached"));
  EXPECT_THAT(page, HasSubstr("data-fact=\"config_version\">version 1<"));
  EXPECT_THAT(page, HasSubstr("READY"));
}

TEST_F(StatusPageTest, WhatComesFromOutsideIsText) {
  const std::string name = "<img src=x onerror=\"document.title='hit'\">.json";
  const std::string file = directory_.Write(name, Config(kBreaker));
  const ProfileServiceProcess service(server_.address(), {"--config", file, "--log", "none"});
  directory_.Write(name, "no config any more");
  service.GetUntil("/status.json",
                   [](const httplib::Response& answer) { return !Json::parse(answer.body)["live"]["events"].empty(); });

  const std::string page = OpenPage(service.url(), 2);

  EXPECT_THAT(page, HasSubstr("config refused: "));
  EXPECT_THAT(page, HasSubstr("&lt;img src=x onerror="));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<img")), Not(HasSubstr("<title>hit"))));
}

TEST_F(StatusPageTest, NothingRunsThatIsNotItsOwn) {
  const ProfileServiceProcess service(server_.address());

  const httplib::Response first = service.Get("/");
  const httplib::Response second = service.Get("/");

  const std::string policy = first.get_header_value("Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_NE(policy, second.get_header_value("Content-Security-Policy"));
  EXPECT_THAT(first.body, Not(HasSubstr("{{nonce}}")));
  EXPECT_THAT(first.body, Not(HasSubstr("innerHTML")));
  // No foreign host: the only address in it is the name space of SVG.
  EXPECT_THAT(std::regex_replace(first.body, std::regex("http://www\\.w3\\.org/2000/svg"), ""),
              Not(ContainsRegex("(https?:)?//[a-z]+\\.")));
}

/// Serves the page of a real service, and a status that the test made, at most so often.
class CannedService {
 public:
  CannedService(const ProfileServiceProcess& real, const Json& status, int answers = std::numeric_limits<int>::max())
      : page_(real.Get("/")), status_(status.dump()), answers_(answers) {
    server_.Get("/", [this](const httplib::Request&, httplib::Response& response) {
      response.set_header("Content-Security-Policy", page_.get_header_value("Content-Security-Policy"));
      response.set_content(page_.body, "text/html");
    });
    server_.Get("/status.json", [this](const httplib::Request&, httplib::Response& response) {
      if (asked_++ < answers_) {
        response.set_content(status_, "application/json");
      } else {
        response.status = 503;
      }
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~CannedService() {
    server_.stop();
    thread_.join();
  }
  CannedService(const CannedService&) = delete;
  CannedService& operator=(const CannedService&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  const httplib::Response page_;
  const std::string status_;
  const int answers_;
  std::atomic<int> asked_ = 0;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

TEST_F(StatusPageTest, SaysThatTheServiceDoesNotAnswerAnyMore) {
  const ProfileServiceProcess real(server_.address());
  const CannedService service(real, real.Status(), /*answers=*/1);

  const std::string page = OpenPage(service.url(), 5);

  EXPECT_THAT(page, HasSubstr("<body data-answering=\"no\">"));
  EXPECT_THAT(page,
              ContainsRegex("id=\"silence\" role=\"alert\">profile_service does not answer .HTTP 503.. What is shown is from "));
  EXPECT_THAT(page, HasSubstr("data-compartment=\"reads\""));
}

/// What a breaker may say of itself, how the page takes it, and what it says then.
struct CircuitShown {
  std::string state;
  std::string mood;
  std::string words;
};

class CircuitShownTest : public StatusPageTest, public ::testing::WithParamInterface<CircuitShown> {};

TEST_P(CircuitShownTest, EveryStateIsShownAndOnlyClosedIsGood) {
  const auto& [state, mood, words] = GetParam();
  const ProfileServiceProcess real(server_.address(), {"--config", directory_.Write("config.json", Config(kBreaker))});
  Json status = real.Status();
  Json& compartments = status["client"]["compartments"];
  const auto reads =
      std::find_if(compartments.begin(), compartments.end(), [](const Json& one) { return one["name"] == "reads"; });
  ASSERT_NE(reads, compartments.end());
  (*reads)["breaker"]["state"] = state;
  const CannedService service(real, status);

  const std::string page = OpenPage(service.url(), 2);

  EXPECT_THAT(page, ContainsRegex("id=\"overall\" class=\"pill " + mood + "\"[^>]*>" + words + "<"));
  EXPECT_THAT(page, ContainsRegex("class=\"card marked-" + mood + "\" data-compartment=\"reads\" data-state=\"" + state));
}

INSTANTIATE_TEST_SUITE_P(, CircuitShownTest,
                         ::testing::Values(CircuitShown{"closed", "good", "all circuits closed"},
                                           CircuitShown{"open", "bad", "reads open"},
                                           CircuitShown{"half_open", "warning", "reads half-open"},
                                           CircuitShown{"forced_open", "bad", "reads forced open"},
                                           CircuitShown{"forced_closed", "warning", "reads forced closed"},
                                           CircuitShown{"new_in_2030", "warning", "reads new_in_2030"},
                                           CircuitShown{"constructor", "warning", "reads constructor"}),
                         [](const auto& shown) { return shown.param.state; });

TEST_F(StatusPageTest, WithoutCircuitBreakersItSaysSo) {
  const ProfileServiceProcess real(server_.address(), {"--config", directory_.Write("config.json", Config())});

  const std::string page = OpenPage(real.url(), 2);

  EXPECT_THAT(page, ContainsRegex("id=\"overall\" class=\"pill idle\"[^>]*>no circuit breakers<"));
}

}  // namespace
}  // namespace profile_service::testing
