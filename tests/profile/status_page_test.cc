// The status page of samples/profile_service in a real browser, before real servers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <iterator>
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using userclient::testing::Program;

/// user_server, the program, whose GetUser always fails, and whose CreateUser fails at times, but not so that a circuit opens.
class SickServer {
 public:
  SickServer()
      : program_({USER_SERVER_PROGRAM, "--listen", "127.0.0.1:0", "--seed-users", "1", "--log", "none", "--faults",
                  R"({"faults": [{"method": "GetUser", "probability": 1, "status": "UNAVAILABLE"},
                                 {"method": "CreateUser", "probability": 0.3, "status": "RESOURCE_EXHAUSTED"}]})"}) {
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

/// For as long as it lives: reads, which the open circuit refuses, and writes, of which some fail and every second one is
/// declined.
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
      return recent["rejected"] > 0 && recent["declined"] > 0 &&
             recent["failed"].get<int>() > recent["rejected"].get<int>() + recent["declined"].get<int>();
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
  EXPECT_THAT(page, HasSubstr("% declined<"));
  EXPECT_THAT(FigureOf(page, "p99"), ContainsRegex("^[0-9.]+ m?s$"));
  EXPECT_THAT(page, HasSubstr("Tries again in "));
  EXPECT_THAT(page, HasSubstr("<polygon "));
  EXPECT_THAT(page, ContainsRegex("data-endpoint=\"" + server_.address() + "\" data-mood=\"(bad|warning)\""));
  EXPECT_THAT(page, ContainsRegex("id=\"endpoints_summary\" class=\"pill (bad|warning)\"[^>]*>1 (fails|with failures)<"));
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

/// What the page calls so in light (0) or in the dark (1).
std::string ColourOf(const std::string& page, const std::string& name, std::size_t which) {
  const std::regex pattern("--" + name + ": (#[0-9a-f]{6});");
  const std::vector<std::smatch> found(std::sregex_iterator(page.begin(), page.end(), pattern), {});
  EXPECT_EQ(found.size(), 2u) << name;
  return found.size() == 2 ? found[which][1].str() : "#000000";
}

/// https://www.w3.org/TR/WCAG21/#dfn-relative-luminance
double LuminanceOf(const std::string& colour) {
  const auto part = [&](std::size_t begin) {
    const double share = std::stoi(colour.substr(begin, 2), nullptr, 16) / 255.0;
    return share <= 0.03928 ? share / 12.92 : std::pow((share + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

double ContrastOf(const std::string& one, const std::string& other) {
  const auto [darker, lighter] = std::minmax({LuminanceOf(one), LuminanceOf(other)});
  return (lighter + 0.05) / (darker + 0.05);
}

// WCAG 2.1, AA: 4.5 for text, 3 for the parts of a plot.
TEST_F(StatusPageTest, CanBeReadByWhoeverSeesLessWell) {
  const std::string page = ProfileServiceProcess(server_.address()).Get("/").body;

  for (const std::size_t scheme : {0u, 1u}) {
    const auto colour = [&](const std::string& name) { return ColourOf(page, name, scheme); };
    for (const char* mood : {"good", "warning", "bad", "idle"}) {
      EXPECT_GE(ContrastOf(colour(mood), colour(std::string(mood) + "-back")), 4.5) << mood << scheme;
      EXPECT_GE(ContrastOf(colour(mood), colour("card")), 4.5) << mood << scheme;
    }
    EXPECT_GE(ContrastOf(colour("soft"), colour("card")), 4.5) << scheme;
    EXPECT_GE(ContrastOf(colour("soft"), colour("page")), 4.5) << scheme;
    for (const char* part : {"succeeded", "cancelled", "declined", "rejected", "failed", "attempts", "p50", "p99"}) {
      EXPECT_GE(ContrastOf(colour(part), colour("card")), 3) << part << scheme;
    }
  }
}

/// The page, so that it tells itself by how many pixels it is wider than its window, and what went wrong.
std::string WithProbe(const std::string& page) {
  const std::string probe =
      "addEventListener('error', (event) => { document.body.dataset.trouble = event.message; });\n"
      "setInterval(() => { document.body.dataset.tooWide = document.documentElement.scrollWidth - innerWidth; }, 100);\n";
  return std::regex_replace(page, std::regex("\"use strict\";\n"), "\"use strict\";\n" + probe);
}

/// Serves the page of a real service, and a status that the test made, at most so often.
class CannedService {
 public:
  CannedService(const ProfileServiceProcess& real, const Json& status, int answers = std::numeric_limits<int>::max())
      : page_(real.Get("/")), status_(status.dump()), answers_(answers) {
    server_.Get("/", [this](const httplib::Request&, httplib::Response& response) {
      response.set_header("Content-Security-Policy", page_.get_header_value("Content-Security-Policy"));
      response.set_content(WithProbe(page_.body), "text/html");
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

  EXPECT_THAT(page, HasSubstr("<body data-answering=\"no\""));
  EXPECT_THAT(page,
              ContainsRegex("id=\"silence\" role=\"alert\">profile_service does not answer .HTTP 503.. What is shown is from "));
  EXPECT_THAT(page, HasSubstr("data-compartment=\"reads\""));
}

/// With so many attempts, of which so many failed, in each of the last two minutes' seconds up to `until`.
Json Endpoint(const std::string& peer, int attempts, int failed, int until = 119) {
  const auto series = [until](int value) {
    Json values = Json::array();
    for (int i = 0; i < 119; ++i) values.push_back(i < until ? value : 0);
    return values;
  };
  const int seconds = until == 119 ? 10 : 0;
  return {{"peer", peer},
          {"attempts", series(attempts)},
          {"failed", series(failed)},
          {"recent", {{"seconds", 10}, {"attempts", attempts * seconds}, {"failed", failed * seconds}, {"mean", 1.5}}}};
}

/// The names on the page, in its order.
std::vector<std::string> EndpointsOf(const std::string& page) {
  const std::regex pattern("data-endpoint=\"([^\"]*)\"");
  std::vector<std::string> names;
  for (std::sregex_iterator found(page.begin(), page.end(), pattern), end; found != end; ++found) names.push_back((*found)[1]);
  return names;
}

TEST_F(StatusPageTest, OfManyEndpointsTheSickOnesComeFirst) {
  const ProfileServiceProcess real(server_.address());
  Json status = real.Status();
  Json& endpoints = status["live"]["endpoints"] = Json::array();
  for (int i = 10; i < 200; ++i) endpoints.push_back(Endpoint("ipv4:10.0.0." + std::to_string(i) + ":50051", 20, 0));
  endpoints.push_back(Endpoint("ipv4:10.0.0.3:50051", 20, 1, /*until=*/100));
  endpoints.push_back(Endpoint("ipv6:%5Bfd00::2%5D:50051", 20, 1));
  endpoints.push_back(Endpoint("ipv4:10.0.0.1:50051", 20, 19));
  status["client"]["resolution"] = {{"ipv4", {"10.0.0.1", "10.0.0.4"}},
                                    {"ipv6", {"fd00::2"}},
                                    {"age", 1.0},
                                    {"error", nullptr},
                                    {"lookups", 1},
                                    {"changes", 1}};
  const CannedService service(real, status);

  const std::string page = OpenPage(service.url(), 2);

  const std::vector<std::string> names = EndpointsOf(page);
  ASSERT_EQ(names.size(), 194u);
  EXPECT_THAT(std::vector(names.begin(), names.begin() + 5),
              ElementsAre("10.0.0.1:50051", "[fd00::2]:50051", "10.0.0.3:50051", "10.0.0.4", "10.0.0.10:50051"));
  EXPECT_THAT(page, HasSubstr(">1 fails, 2 with failures, 1 not called, 190 answer<"));
  EXPECT_THAT(page, HasSubstr("failed, not called for 20 s"));
  EXPECT_THAT(page, Not(HasSubstr("data-trouble")));
}

TEST_F(StatusPageTest, LongNamesDoNotWidenIt) {
  const ProfileServiceProcess real(server_.address(), {"--config", directory_.Write("config.json", Config(kBreaker))});
  Json status = real.Status();
  status["client"]["target"] = "dns:///" + std::string(300, 'a');
  for (Json& compartment : status["client"]["compartments"]) {
    compartment["name"] = compartment["name"].get<std::string>() + std::string(300, 'b');
    if (!compartment["breaker"].is_null()) compartment["breaker"]["state"] = "open";
  }
  status["live"]["endpoints"] = {Endpoint("unix:/" + std::string(300, 'c'), 1, 0)};
  status["live"]["events"] = {{{"time", "2026-01-01T00:00:00.000Z"},
                               {"kind", "x"},
                               {"severity", "bad"},
                               {"subject", ""},
                               {"text", std::string(300, 'd')}}};
  const CannedService service(real, status);

  const std::string page = OpenPage(service.url(), 2);

  EXPECT_THAT(page, ContainsRegex("data-too-wide=\"(0|-[0-9]+)\""));
}

TEST_F(StatusPageTest, ClosedCircuitsAreNotAllWellWithoutAConnection) {
  const ProfileServiceProcess real(server_.address(), {"--config", directory_.Write("config.json", Config(kBreaker))});
  Json status = real.Status();
  for (Json& compartment : status["client"]["compartments"]) {
    if (compartment["name"] != "reads") continue;
    for (Json& channel : compartment["channels"]) channel["connectivity"] = "TRANSIENT_FAILURE";
  }
  status["live"]["endpoints"] = {Endpoint("", 2, 2)};
  const CannedService service(real, status);

  const std::string page = OpenPage(service.url(), 2);

  EXPECT_THAT(page, ContainsRegex("id=\"overall\" class=\"pill bad\"[^>]*>reads not connected<"));
  EXPECT_THAT(page, HasSubstr("data-endpoint=\"address not known\" data-mood=\"bad\""));
}

TEST_F(StatusPageTest, SaysThatTheClientIsShutDown) {
  const ProfileServiceProcess real(server_.address());
  Json status = real.Status();
  status["client"]["shut_down"] = true;
  const CannedService service(real, status);

  const std::string page = OpenPage(service.url(), 2);

  EXPECT_THAT(page, ContainsRegex("id=\"overall\" class=\"pill bad\"[^>]*>client shut down<"));
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
