// The log: one JSON object a line, and nothing in it that should not be.

#include "userclient/json_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/test_client.h"
#include "tests/telemetry/await.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

/// Keeps the lines that a log writes.
class Lines {
 public:
  std::function<void(std::string_view)> sink() {
    return [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(json::parse(line));
    };
  }

  std::vector<json> Of(const std::string& event) const {
    const std::lock_guard lock(mutex_);
    std::vector<json> found;
    for (const json& line : lines_) {
      if (line["event"] == event) found.push_back(line);
    }
    return found;
  }

  std::string text() const {
    const std::lock_guard lock(mutex_);
    return json(lines_).dump();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<json> lines_;
};

class JsonLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  void Connect(LogLevel level, bool messages = true, const std::string& config = RetryConfig()) {
    const auto log = std::make_shared<JsonLog>(JsonLogOptions{.write = lines_.sink(), .level = level, .messages = messages});
    auto client = UserClient::Create({.target = server_->address(),
                                      .credentials = Credentials::Insecure(),
                                      .service_config_json = config,
                                      .observers = {log}});
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  Lines lines_;
  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

TEST_F(JsonLogTest, TellsOfACallThatFailed) {
  Connect(LogLevel::kFailures);
  server_->Script("GetUser", {Fail(StatusCode::kNotFound, "no such user")});

  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<json> calls = lines_.Of("call");
  ASSERT_EQ(calls.size(), 1u);
  const json& call = calls[0];
  EXPECT_THAT(call["time"].get<std::string>(), MatchesRegex("....-..-..T..:..:......Z"));
  EXPECT_EQ(call["method"], "user.v1.UserService/GetUser");
  EXPECT_EQ(call["target"], server_->address());
  EXPECT_EQ(call["compartment"], "default");
  EXPECT_EQ(call["code"], "NOT_FOUND");
  EXPECT_EQ(call["end"], "not_retryable");
  EXPECT_EQ(call["source"], "server");
  EXPECT_EQ(call["attempts"], 1);
  EXPECT_EQ(call["peer"], "ipv4:" + server_->address());
  EXPECT_EQ(call["budget"], 30.0);
  EXPECT_GT(call["duration"], 0.0);
  EXPECT_EQ(call["message"], "no such user");
}

TEST_F(JsonLogTest, AtItsLowestLevelIsSilentAboutCallsThatSucceed) {
  Connect(LogLevel::kFailures);
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  EXPECT_TRUE(lines_.Of("call").empty());
}

TEST_F(JsonLogTest, TellsOfCallsThatNeededMoreThanOneAttempt) {
  Connect(LogLevel::kRetries);
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  ASSERT_EQ(lines_.Of("call").size(), 1u);
  EXPECT_EQ(lines_.Of("call")[0]["attempts"], 2);
}

TEST_F(JsonLogTest, TellsOfEveryAttempt) {
  Connect(LogLevel::kAttempts);
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable, "away"), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<json> attempts = lines_.Of("attempt");
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0]["attempt"], 0);
  EXPECT_EQ(attempts[0]["reason"], "first");
  EXPECT_EQ(attempts[0]["code"], "UNAVAILABLE");
  EXPECT_EQ(attempts[0]["message"], "away");
  EXPECT_EQ(attempts[1]["attempt"], 1);
  EXPECT_EQ(attempts[1]["reason"], "retry");
  EXPECT_EQ(attempts[1]["code"], "OK");
  EXPECT_EQ(lines_.Of("call").size(), 1u);
}

TEST_F(JsonLogTest, TellsWhyACallWasRefused) {
  Connect(LogLevel::kFailures, true, R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "circuitBreaker": {}}]}})");
  ASSERT_TRUE(client_->OverrideCircuit("reads", CircuitOverride::kOpen).ok());

  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());

  ASSERT_EQ(lines_.Of("circuit").size(), 1u);
  EXPECT_EQ(lines_.Of("circuit")[0]["to"], "forced_open");
  EXPECT_EQ(lines_.Of("circuit")[0]["compartment"], "reads");
  ASSERT_EQ(lines_.Of("call").size(), 1u);
  EXPECT_EQ(lines_.Of("call")[0]["rejection"], "circuit_open");
  EXPECT_EQ(lines_.Of("call")[0]["attempts"], 0);
}

TEST_F(JsonLogTest, TellsOfConfigsAndOfTheClient) {
  Connect(LogLevel::kFailures);

  ASSERT_TRUE(client_->SetConfig(*ServiceConfig::Parse("{}")).ok());

  ASSERT_TRUE(Await([&] { return !lines_.Of("config_reloaded").empty(); }));
  EXPECT_EQ(lines_.Of("config_reloaded")[0]["config_version"], 2);
  EXPECT_EQ(lines_.Of("client_started").size(), 1u);
}

TEST_F(JsonLogTest, NamesTheTraceOfTheCaller) {
  Connect(LogLevel::kCalls);

  ASSERT_TRUE(
      client_->GetUser(AskFor("u-1"), {.metadata = {{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}})
          .ok());

  EXPECT_EQ(lines_.Of("call").at(0)["trace_id"], "0af7651916cd43dd8448eb211c80319c");
}

TEST_F(JsonLogTest, ATraceparentThatIsNoneNamesNoTrace) {
  Connect(LogLevel::kCalls);

  ASSERT_TRUE(
      client_->GetUser(AskFor("u-1"), {.metadata = {{"traceparent", "00-not a trace, of thirty-two chars-b7ad6b7169203331-01"}}})
          .ok());
  ASSERT_TRUE(
      client_->GetUser(AskFor("u-1"), {.metadata = {{"traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01"}}})
          .ok());

  EXPECT_FALSE(lines_.Of("call").at(0).contains("trace_id"));
  EXPECT_FALSE(lines_.Of("call").at(1).contains("trace_id"));
}

TEST_F(JsonLogTest, HoldsNothingOfWhatWasSent) {
  Connect(LogLevel::kAttempts, /*messages=*/false);
  server_->Script("GetUser", {Fail(StatusCode::kInternal, "the password is 4711")});

  ASSERT_FALSE(client_->GetUser(AskFor("u-confidential"), {.metadata = {{"authorization", "Bearer s3cret"}}}).ok());

  EXPECT_EQ(lines_.Of("call").size(), 1u);
  EXPECT_THAT(lines_.text(), Not(HasSubstr("s3cret")));
  EXPECT_THAT(lines_.text(), Not(HasSubstr("u-confidential")));
  EXPECT_THAT(lines_.text(), Not(HasSubstr("4711")));
}

// ---- Where the lines go

/// Takes what is written to it, or a part of it and then no more.
class Disk final : public std::streambuf {
 public:
  std::string text;
  /// How much room is left; nullopt: enough.
  std::optional<size_t> room{};
  bool throws = false;

 private:
  std::streamsize xsputn(const char* data, std::streamsize size) override {
    if (throws) throw std::runtime_error("the disk is on fire");
    const size_t taken = std::min(static_cast<size_t>(size), room.value_or(static_cast<size_t>(size)));
    text.append(data, taken);
    if (room) *room -= taken;
    return static_cast<std::streamsize>(taken);
  }
  int_type overflow(int_type c) override {
    const char byte = traits_type::to_char_type(c);
    return xsputn(&byte, 1) == 1 ? c : traits_type::eof();
  }
};

TEST(WriteLinesToTest, GoesOnAfterAWriteThatFailedAndSaysWhatWasLost) {
  Disk disk;
  std::ostream stream(&disk);
  const auto write = WriteLinesTo(stream);
  write("one");
  disk.room = 2;
  write("two");
  write("three");
  disk.room = std::nullopt;

  write("four");
  write("five");

  std::istringstream lines(disk.text);
  std::vector<std::string> read;
  for (std::string line; std::getline(lines, line);) read.push_back(line);
  ASSERT_EQ(read.size(), 5u) << disk.text;
  EXPECT_EQ(read[0], "one");
  EXPECT_EQ(read[1], "tw") << "torn, and nothing glued to it";
  const json lost = json::parse(read[2]);
  EXPECT_EQ(lost["event"], "lines_lost");
  EXPECT_EQ(lost["lines"], 2);
  EXPECT_THAT(lost["time"].get<std::string>(), MatchesRegex("....-..-..T..:..:......Z"));
  EXPECT_EQ(read[3], "four");
  EXPECT_EQ(read[4], "five");
}

TEST(WriteLinesToTest, AStreamThatThrowsCostsNoMoreThanItsLines) {
  Disk disk;
  std::ostream stream(&disk);
  stream.exceptions(std::ios::badbit | std::ios::failbit);
  const auto write = WriteLinesTo(stream);
  disk.throws = true;
  EXPECT_NO_THROW(write("one"));
  disk.throws = false;

  EXPECT_NO_THROW(write("two"));

  EXPECT_THAT(disk.text, HasSubstr(R"("event":"lines_lost","lines":1)"));
  EXPECT_TRUE(disk.text.ends_with("two\n")) << disk.text;
}

/// Stands where standard error was, for as long as it lives: a pipe that never blocks whoever writes.
class StandardError {
 public:
  StandardError() : before_(dup(STDERR_FILENO)) {
    if (pipe2(ends_.data(), O_NONBLOCK | O_CLOEXEC) != 0) ADD_FAILURE() << "no pipe";
    dup2(ends_[1], STDERR_FILENO);
  }
  ~StandardError() {
    dup2(before_, STDERR_FILENO);
    for (const int file : {before_, ends_[0], ends_[1]}) close(file);
  }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

  void Fill() {
    const std::string full(4096, 'x');
    while (write(ends_[1], full.data(), full.size()) > 0) continue;
  }

  /// What has been written so far.
  std::string Take() {
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t size = 0; (size = read(ends_[0], part.data(), part.size())) > 0;)
      text.append(part.data(), static_cast<size_t>(size));
    return text;
  }

 private:
  const int before_;
  std::array<int, 2> ends_{};
};

TEST(JsonLogToStandardErrorTest, GoesOnWhenSomebodyReadsAgain) {
  const ObservedClient client = {.service = "user.v1.UserService", .target = "dns:///users:50051"};
  JsonLog log;
  StandardError standard_error;
  log.OnClientStart(client);
  const std::string first = standard_error.Take();
  standard_error.Fill();
  log.OnClientStart(client);
  log.OnClientStart(client);
  standard_error.Take();

  log.OnClientStart(client);
  const std::string last = standard_error.Take();

  EXPECT_EQ(json::parse(first)["event"], "client_started");
  EXPECT_THAT(last, MatchesRegex("\n[{].*\"lines_lost\",\"lines\":2[}]\n[{].*\"client_started\".*[}]\n"));
}

TEST(WriteLinesToTest, WritesEveryLine) {
  std::ostringstream stream;

  WriteLinesTo(stream)("one");
  WriteLinesTo(stream)("two");

  EXPECT_EQ(stream.str(), "one\ntwo\n");
}

}  // namespace
}  // namespace userclient::testing
