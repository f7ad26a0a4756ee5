// The HTTP server of samples/profile_service before clients that are slow, half gone, or never end.

#include "http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/profile/raw_client.h"

namespace profile_service {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using ::testing::StartsWith;

/// A server with a few handlers, on a free port.
class Served {
 public:
  explicit Served(HttpServerOptions options = {}) {
    options.listen = "127.0.0.1:0";
    server_ = *HttpServer::Bind(std::move(options));
    server_->Get("/text", [](const Inbound&) { return Answer{.body = "0123456789"}; });
    server_->Get("/much", [](const Inbound&) { return Answer{.body = std::string(64 << 20, 'x')}; });
    server_->Post("/text", [](const Inbound& inbound) { return Answer{.body = inbound.http().body}; });
    server_->Get("/part/([^/]+)", [](const Inbound& inbound) { return Answer{.body = inbound.http().matches[1]}; });
    server_->Get("/gone", [this](const Inbound& inbound) {
      const auto deadline = std::chrono::steady_clock::now() + 30s;
      while (!inbound.gone() && !let_go_ && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
      return Answer{.body = inbound.gone() ? "gone" : "there", .log = {{"gone", inbound.gone()}}};
    });
    server_->Start();
  }

  int port() const { return std::stoi(server_->address().substr(server_->address().rfind(':') + 1)); }
  HttpServer& server() { return *server_; }
  /// Ends what /gone waits for.
  void LetGo() { let_go_ = true; }
  void End() { server_.reset(); }

 private:
  std::atomic<bool> let_go_ = false;
  std::unique_ptr<HttpServer> server_;
};

TEST(HttpServerTest, ARequestMustComeWithinItsLimitHoweverSteadilyItComes) {
  Served served({.limits = {.request = 300ms}});
  const RawClient client(served.port());
  client.Send("GET /text HTTP/1.1\r\nHost: test\r\nX-Long: ");

  ASSERT_TRUE(client.DribbleUntilAnswered());

  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 408"));
}

TEST(HttpServerTest, SoMustItsBody) {
  Served served({.limits = {.request = 300ms}});
  const RawClient client(served.port());
  client.Send("POST /text HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\n\r\n");

  ASSERT_TRUE(client.DribbleUntilAnswered());

  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 408"));
}

TEST(HttpServerTest, AnAnswerMustBeTakenWithinItsLimitHoweverSteadilyItIsTaken) {
  std::promise<void> logged;
  Served served({.log = [&](std::string_view) { logged.set_value(); }, .limits = {.answer = 300ms}});
  const RawClient client(served.port());
  client.Send("GET /much HTTP/1.1\r\nHost: test\r\n\r\n");

  const std::jthread slow([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && !client.Read(1000).empty()) std::this_thread::sleep_for(1ms);
  });

  EXPECT_EQ(logged.get_future().wait_for(30s), std::future_status::ready);
}

TEST(HttpServerTest, HeadersHaveAnEnd) {
  Served served;
  const RawClient client(served.port());
  std::string request = "GET /text HTTP/1.1\r\nHost: test\r\n";
  // Few and long ones: newer versions of the library count them, too.
  while (request.size() < 200'000) request += "X-More: " + std::string(4000, 'x') + "\r\n";

  client.Send(request);

  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 413"));
}

TEST(HttpServerTest, SoHasABodyWhoseLengthIsNotTold) {
  Served served;
  const RawClient client(served.port());
  std::string request = "POST /text HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
  while (request.size() < 200'000) request += "1000\r\n" + std::string(0x1000, 'x') + "\r\n";

  client.Send(request);

  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 413"));
}

TEST(HttpServerTest, AnEncodedBodyIsNotDecoded) {
  Served served;
  const RawClient client(served.port());

  client.Send("POST /text HTTP/1.1\r\nHost: test\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx");

  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 415"));
}

// Behind a proxy that shares its connections, it would be somebody else's request.
TEST(HttpServerTest, ABodyThatIsNotReadIsNoRequest) {
  Served served;
  const RawClient client(served.port());
  const std::string hidden = "GET /text HTTP/1.1\r\nHost: test\r\n\r\n";

  client.Send("GET /text HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(hidden.size()) + "\r\n\r\n" + hidden);

  const std::string answers = client.ReadAll();
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(answers.rfind("HTTP/1.1"), 0u) << answers;
}

TEST(HttpServerTest, SoIsWhatTheLibraryStopsReading) {
  Served served;
  const auto answers = [&](const std::string& headers_and_body) {
    const RawClient client(served.port());
    client.Send("POST /text HTTP/1.1\r\nHost: test\r\n" + headers_and_body + "GET /text HTTP/1.1\r\nHost: test\r\n\r\n");
    return client.ReadAll();
  };
  const auto is_one_refusal = AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("Connection: close\r\n"), Not(HasSubstr("0123456789")));

  EXPECT_THAT(answers("Transfer-Encoding: chunked\r\n\r\nno size\r\n"), is_one_refusal);
  EXPECT_THAT(answers("Content-Type: multipart/form-data\r\nContent-Length: 34\r\n\r\n"), is_one_refusal);
}

// 0x2 is 2 to some and 0 to others.
TEST(HttpServerTest, NothingFollowsAChunkedBody) {
  Served served;
  const RawClient client(served.port());

  client.Send("POST /text HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");

  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Connection: close\r\n"), EndsWith("\r\n\r\nab")));
}

class WrongFramingTest : public ::testing::TestWithParam<std::string> {};

TEST_P(WrongFramingTest, IsRefusedAndWhatFollowsIsNoRequest) {
  Served served;
  const RawClient client(served.port());

  client.Send("POST /text HTTP/1.1\r\nHost: test\r\n" + GetParam() + "\r\n\r\n" + "GET /text HTTP/1.1\r\nHost: test\r\n\r\n");

  const std::string answers = client.ReadAll();
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(answers.rfind("HTTP/1.1"), 0u) << answers;
}

INSTANTIATE_TEST_SUITE_P(, WrongFramingTest,
                         ::testing::Values("Content-Length: 0\r\nContent-Length: 34", "Content-Length: none",
                                           "Content-Length: -1", "Content-Length: +0", "Content-Length : 34",
                                           "Transfer-Encoding: xchunked", "Transfer-Encoding: gzip, chunked",
                                           "Transfer-Encoding: chunked\r\nContent-Length: 5",
                                           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                                           "Content-Length:", "Content-Length: %30", "Content-Length 0", "Content-Length:\r\n 34",
                                           "Transfer-Encoding:\r\n chunked", "Transfer-Encoding: %63hunked",
                                           "X-More: x\nContent-Length: 34", "X-More: x\rContent-Length: 34", "Host: other"));

TEST(HttpServerTest, ARequestIsForOneHost) {
  Served served;
  const RawClient client(served.port());

  client.Send("GET /text HTTP/1.1\r\n\r\n");

  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400"));
}

// It may have come through a proxy that knows nothing of chunks.
TEST(HttpServerTest, OfHttp10NoBodyIsChunked) {
  Served served;
  const RawClient client(served.port());

  client.Send("POST /text HTTP/1.0\r\nConnection: Keep-Alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");

  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400"));
}

TEST(HttpServerTest, WhoeverSaysCloseIsClosedHoweverItIsSpelt) {
  Served served({.limits = {.idle = 1h}});
  const RawClient client(served.port());

  client.Send("GET /text HTTP/1.1\r\nHost: test\r\nConnection: TE, Close\r\n\r\n");

  EXPECT_THAT(client.ReadAll(), AllOf(HasSubstr("Connection: close\r\n"), Not(HasSubstr("Keep-Alive"))));
}

TEST(HttpServerTest, WhoeverIsSentAwayHearsOfItAlsoFromARequestThatIsUnderWay) {
  Served served;
  const RawClient client(served.port());
  client.Send("GET /gone HTTP/1.1\r\nHost: test\r\n\r\n");
  client.EndSending();
  // The handler has asked whether anybody is still there.
  ASSERT_EQ(client.ReadExactly(25), "HTTP/1.1 100 Continue\r\n\r\n");

  served.server().SendAway();
  served.LetGo();

  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Connection: close\r\n")));
}

TEST(HttpServerTest, AConnectionThatIsNotKeptIsClosed) {
  Served served({.threads = 2, .limits = {.idle = 1h}});
  const RawClient kept(served.port());
  kept.Send("GET /text HTTP/1.1\r\nHost: test\r\n\r\n");
  ASSERT_TRUE(kept.AwaitAnything(30s));
  const RawClient further(served.port());

  further.Send("GET /text HTTP/1.1\r\nHost: test\r\n\r\n");

  EXPECT_THAT(further.ReadAll(), AllOf(HasSubstr("Connection: close\r\n"), EndsWith("\r\n\r\n0123456789")));
}

// As `curl -X POST` sends it.
TEST(HttpServerTest, WithoutALengthThereIsNoBody) {
  Served served({.limits = {.request = 1h}});
  const RawClient client(served.port());

  client.Send("POST /text HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");

  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 0\r\n")));
}

TEST(HttpServerTest, WithoutABodyTheConnectionGoesOn) {
  Served served;
  const RawClient client(served.port());

  client.Send("DELETE /text HTTP/1.1\r\nHost: test\r\n\r\nGET /text HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");

  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 405"), EndsWith("\r\n\r\n0123456789")));
}

TEST(HttpServerTest, AMethodThatAPathDoesNotHaveIsToldFromAPathThatIsNotThere) {
  Served served;
  const auto answer = [&](const std::string& line) {
    const RawClient client(served.port());
    client.Send(line + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    return client.ReadAll();
  };

  EXPECT_THAT(answer("DELETE /text"), AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: GET, HEAD, POST\r\n")));
  EXPECT_THAT(answer("POST /part/1"), AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: GET, HEAD\r\n")));
  EXPECT_THAT(answer("DELETE /nothing"), AllOf(StartsWith("HTTP/1.1 404"), Not(HasSubstr("Allow:"))));
}

TEST(HttpServerTest, APathIsTakenAsItWasSent) {
  Served served;
  const auto answer = [&](const std::string& target) {
    const RawClient client(served.port());
    client.Send("GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    return client.ReadAll();
  };

  EXPECT_THAT(answer("/part/a%2Fb?c=d"), EndsWith("\r\n\r\na%2Fb"));
  EXPECT_THAT(answer("/part/a/b"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(answer("http://test/part/a"), EndsWith("\r\n\r\na"));
}

TEST(HttpServerTest, RangesAreNotPromised) {
  Served served;
  const RawClient client(served.port());

  client.Send("HEAD /text HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");

  EXPECT_THAT(client.ReadAll(), AllOf(HasSubstr("Accept-Ranges: none\r\n"), Not(HasSubstr("bytes"))));
}

TEST(HttpServerTest, EndsWhateverAClientDoes) {
  Served served({.limits = {.request = 1h}});
  const RawClient client(served.port());
  client.Send("POST /text HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_EQ(client.ReadExactly(25), "HTTP/1.1 100 Continue\r\n\r\n");
  auto dribbling = std::async(std::launch::async, [&] { return client.DribbleUntilAnswered(); });

  EXPECT_FALSE(served.server().Stop(100ms));
  auto ended = std::async(std::launch::async, [&] { served.End(); });

  EXPECT_EQ(ended.wait_for(20s), std::future_status::ready);
  EXPECT_TRUE(dribbling.get());
}

TEST(HttpServerTest, ARangeChangesNothing) {
  Served served;
  const RawClient client(served.port());

  client.Send("GET /text HTTP/1.1\r\nHost: test\r\nRange: bytes=2-3\r\nConnection: close\r\n\r\n");

  const std::string answer = client.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n0123456789"));
}

TEST(HttpServerTest, AClientThatOnlySendsNoMoreGetsItsAnswer) {
  Served served;
  const RawClient client(served.port());
  client.Send("GET /gone HTTP/1.1\r\nHost: test\r\n\r\n");
  client.EndSending();

  // It has been asked whether it is still there, and says nothing against it.
  ASSERT_EQ(client.ReadExactly(25), "HTTP/1.1 100 Continue\r\n\r\n");
  served.LetGo();

  const std::string answer = client.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nthere"));
}

TEST(HttpServerTest, AClientOfHttp10IsNotAsked) {
  Served served;
  const RawClient client(served.port());
  client.Send("GET /gone HTTP/1.0\r\n\r\n");
  client.EndSending();
  ASSERT_FALSE(client.AwaitAnything(100ms));

  served.LetGo();

  const std::string answer = client.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nthere"));
}

TEST(HttpServerTest, AClientThatHasGoneIsNoticed) {
  std::promise<std::string> logged;
  Served served({.log = [&](std::string_view line) { logged.set_value(std::string(line)); }});
  RawClient client(served.port());
  client.Send("GET /gone HTTP/1.1\r\nHost: test\r\n\r\n");

  client.Leave();

  auto line = logged.get_future();
  ASSERT_EQ(line.wait_for(20s), std::future_status::ready);
  EXPECT_THAT(line.get(), HasSubstr("\"gone\":true"));
}

}  // namespace
}  // namespace profile_service
