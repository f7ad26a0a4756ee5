#include "transport/token_cache.h"

#include <atomic>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "userclient/testing/fake_clock.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using ::testing::Not;

/// Gives the answers of a script, and its last one for ever; counts how often it was asked. Can be held up.
class ScriptedSource {
 public:
  explicit ScriptedSource(std::vector<absl::StatusOr<BearerToken>> answers) : answers_(answers.begin(), answers.end()) {}

  TokenSource Function() {
    return [this]() -> absl::StatusOr<BearerToken> {
      absl::MutexLock lock(&mutex_);
      ++asked_;
      mutex_.Await(absl::Condition(&open_));
      absl::StatusOr<BearerToken> answer = answers_.front();
      if (answers_.size() > 1) answers_.pop_front();
      return answer;
    };
  }

  void HoldUp() { SetOpen(false); }
  void LetGo() { SetOpen(true); }

  int asked() const {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }

 private:
  void SetOpen(bool open) {
    absl::MutexLock lock(&mutex_);
    open_ = open;
  }

  mutable absl::Mutex mutex_;
  std::deque<absl::StatusOr<BearerToken>> answers_;
  int asked_ = 0;
  bool open_ = true;
};

class TokenCacheTest : public ::testing::Test {
 protected:
  ~TokenCacheTest() override {
    // A fetch that still runs uses the source.
    if (source_ != nullptr) source_->LetGo();
    if (cache_ != nullptr) Eventually([this] { return cache_.use_count() == 1; });
  }

  void Make(std::vector<absl::StatusOr<BearerToken>> answers, std::optional<std::chrono::nanoseconds> refresh_every = {}) {
    source_ = std::make_unique<ScriptedSource>(std::move(answers));
    cache_ = std::make_shared<TokenCache>(TokenCache::Options{.source = source_->Function(),
                                                              .name = "credentials.token_source",
                                                              .refresh_every = refresh_every,
                                                              .longest_wait = 30s,
                                                              .now = clock_.function()});
  }

  template <typename Condition>
  static void Eventually(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + 30s;
    while (!condition() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    EXPECT_TRUE(condition());
  }

  testing::FakeClock clock_;
  std::unique_ptr<ScriptedSource> source_;
  std::shared_ptr<TokenCache> cache_;
};

BearerToken Token(const std::string& text, std::optional<std::chrono::nanoseconds> expires_in = std::nullopt) {
  return {.text = text, .expires_in = expires_in};
}

TEST_F(TokenCacheTest, FetchesOnceForAllCallers) {
  Make({Token("one"), Token("two")});
  source_->HoldUp();

  std::vector<std::string> tokens(20);
  std::vector<std::thread> callers;
  for (std::string& token : tokens) callers.emplace_back([this, &token] { token = cache_->Get().value_or("none"); });
  Eventually([this] { return source_->asked() == 1; });
  source_->LetGo();
  for (std::thread& caller : callers) caller.join();

  EXPECT_THAT(tokens, Each("one"));
  EXPECT_EQ(source_->asked(), 1);
  EXPECT_EQ(cache_->generation(), 1);
}

TEST_F(TokenCacheTest, ATokenWithoutEndIsNeverFetchedAgain) {
  Make({Token("one"), Token("two")});
  ASSERT_EQ(cache_->Get().value(), "one");

  clock_.Advance(24h * 365);

  EXPECT_TRUE(cache_->HasToken());
  EXPECT_EQ(cache_->Get().value(), "one");
  EXPECT_EQ(source_->asked(), 1);
}

TEST_F(TokenCacheTest, RefreshesAheadOfExpiryWhileTheOldOneServes) {
  Make({Token("one", 100s), Token("two", 100s)});
  ASSERT_EQ(cache_->Get().value(), "one");
  clock_.Advance(79s);
  ASSERT_EQ(cache_->Get().value(), "one");
  ASSERT_EQ(source_->asked(), 1);

  source_->HoldUp();
  clock_.Advance(10s);
  EXPECT_EQ(cache_->Get().value(), "one");
  EXPECT_TRUE(cache_->HasToken());
  Eventually([this] { return source_->asked() == 2; });
  EXPECT_EQ(cache_->Get().value(), "one");
  source_->LetGo();

  Eventually([this] { return cache_->Get().value() == "two"; });
  EXPECT_EQ(source_->asked(), 2);
  EXPECT_EQ(cache_->generation(), 2);
}

TEST_F(TokenCacheTest, AFailingRefreshKeepsTheOldTokenUntilItExpires) {
  Make({Token("one", 100s), absl::UnavailableError("the vault is sealed")});
  ASSERT_EQ(cache_->Get().value(), "one");

  clock_.Advance(90s);
  EXPECT_EQ(cache_->Get().value(), "one");
  Eventually([this] { return !cache_->last_failure().ok(); });
  EXPECT_EQ(cache_->Get().value(), "one");
  clock_.Advance(11s);

  EXPECT_FALSE(cache_->HasToken());
  EXPECT_THAT(cache_->Get(), IsError(StatusCode::kUnavailable, "credentials.token_source: no bearer token: the vault is sealed"));
}

TEST_F(TokenCacheTest, PausesGrowBetweenFailingFetches) {
  Make({absl::UnavailableError("down")});
  const auto asked_after = [this](std::chrono::nanoseconds pause) {
    clock_.Advance(pause);
    EXPECT_THAT(cache_->Get(), Not(IsOk()));
    return source_->asked();
  };

  EXPECT_EQ(asked_after(0s), 1);
  EXPECT_EQ(asked_after(700ms), 1) << "the first pause is a second, give or take a fifth";
  EXPECT_EQ(asked_after(600ms), 2);
  EXPECT_EQ(asked_after(1500ms), 2);
  EXPECT_EQ(asked_after(1s), 3);
  for (int i = 0; i < 10; ++i) asked_after(72s);
  EXPECT_EQ(source_->asked(), 13) << "they grow to a minute, and no further";
}

TEST_F(TokenCacheTest, OneThatIsRefusedIsFetchedOnceForAllWhoWereRefused) {
  Make({Token("one"), Token("two"), Token("three")});
  ASSERT_EQ(cache_->Get().value(), "one");
  const uint64_t refused = cache_->generation();

  std::vector<std::thread> callers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 100; ++i) {
    callers.emplace_back([&] { right += cache_->RefreshAfter(refused) && cache_->Get().value_or("") == "two" ? 1 : 0; });
  }
  for (std::thread& caller : callers) caller.join();

  EXPECT_EQ(right, 100);
  EXPECT_EQ(source_->asked(), 2);
}

TEST_F(TokenCacheTest, CallsWaitForTheSuccessorOfARefusedOne) {
  Make({Token("one"), Token("two")});
  ASSERT_EQ(cache_->Get().value(), "one");
  source_->HoldUp();

  ASSERT_TRUE(cache_->RefreshAfter(cache_->generation()));
  EXPECT_FALSE(cache_->HasToken());
  std::thread caller([this] { EXPECT_EQ(cache_->Get().value(), "two"); });
  source_->LetGo();
  caller.join();
}

TEST_F(TokenCacheTest, WhoMustNotWaitIsGivenTheLastThereWas) {
  Make({Token("one", 100s), Token("two")});
  ASSERT_EQ(cache_->Get().value(), "one");
  source_->HoldUp();

  ASSERT_TRUE(cache_->RefreshAfter(cache_->generation()));
  EXPECT_EQ(cache_->Get(TokenCache::Wait::kNever).value(), "one") << "refused, but there is no other yet";
  clock_.Advance(101s);
  EXPECT_EQ(cache_->Get(TokenCache::Wait::kNever).value(), "one") << "expired, but there is no other yet";

  source_->LetGo();
  EXPECT_EQ(cache_->Get().value(), "two");
  EXPECT_EQ(cache_->Get(TokenCache::Wait::kNever).value(), "two");
}

TEST_F(TokenCacheTest, IfNoSuccessorCanBeHadTheRefusedOneIsSentAgain) {
  Make({Token("one"), absl::UnavailableError("down")});
  ASSERT_EQ(cache_->Get().value(), "one");

  ASSERT_TRUE(cache_->RefreshAfter(cache_->generation()));
  Eventually([this] { return !cache_->last_failure().ok(); });

  EXPECT_EQ(cache_->Get().value(), "one");
  EXPECT_FALSE(cache_->RefreshAfter(cache_->generation())) << "the pause is not over";
}

TEST_F(TokenCacheTest, AServerThatRefusesFreshTokensToo) {
  Make({Token("one"), Token("two"), Token("three")});
  ASSERT_EQ(cache_->Get().value(), "one");
  ASSERT_TRUE(cache_->RefreshAfter(1));
  ASSERT_EQ(cache_->Get().value(), "two");

  EXPECT_TRUE(cache_->RefreshAfter(1)) << "which is an old one, for which there is a successor";
  EXPECT_FALSE(cache_->RefreshAfter(2)) << "causes no storm of refreshes";
  clock_.Advance(6s);
  EXPECT_TRUE(cache_->RefreshAfter(2));
  EXPECT_EQ(cache_->Get().value(), "three");
}

TEST_F(TokenCacheTest, BeforeTheFirstTokenNothingWasRefused) {
  Make({absl::UnavailableError("down")});

  EXPECT_FALSE(cache_->RefreshAfter(0));
  EXPECT_EQ(source_->asked(), 0);
}

TEST_F(TokenCacheTest, TellsWhoseErrorItIs) {
  const auto get = [this](absl::StatusOr<BearerToken> answer) {
    Make({std::move(answer)});
    return cache_->Get().status();
  };

  EXPECT_THAT(get(absl::PermissionDeniedError("wrong client secret")),
              IsError(StatusCode::kUnauthenticated, EndsWith(": no bearer token: wrong client secret")));
  EXPECT_THAT(get(absl::NotFoundError("no such role")), IsError(StatusCode::kUnavailable, EndsWith("no such role")));
  EXPECT_THAT(get(Token("")), IsError(StatusCode::kInternal, EndsWith("the token is empty")));
  EXPECT_THAT(get(Token("gone", -1s)), IsError(StatusCode::kInternal, EndsWith("the token has expired already")));
}

TEST_F(TokenCacheTest, RefusesCharactersThatNoHeaderTakesAndDoesNotShowThem) {
  for (const char* text : {"two words", "line\nbreak", "umlaut\xc3\xa4"}) {
    Make({Token(text)});

    EXPECT_THAT(cache_->Get(), IsError(StatusCode::kInternal, AllOf(HasSubstr("visible ASCII"), Not(HasSubstr(text))))) << text;
  }
}

TEST(TokenCacheErrorsTest, WhatASourceThrowsIsAnError) {
  const auto get = [](TokenSource source) {
    return std::make_shared<TokenCache>(TokenCache::Options{.source = std::move(source), .name = "source"})->Get().status();
  };

  EXPECT_THAT(get([]() -> absl::StatusOr<BearerToken> { throw std::runtime_error("boom"); }),
              IsError(StatusCode::kInternal, "source: no bearer token: the source threw: boom"));
  EXPECT_THAT(get([]() -> absl::StatusOr<BearerToken> { throw 1; }),
              IsError(StatusCode::kInternal, HasSubstr("threw something")));
}

TEST(TokenCacheErrorsTest, ATokenThatHasExpiredBeforeItCanBeUsedIsAnError) {
  const auto cache = std::make_shared<TokenCache>(TokenCache::Options{
      .source = [] { return BearerToken{.text = "brief", .expires_in = 1ns}; }, .name = "credentials.token_source"});

  const absl::StatusOr<std::string> token = cache->Get();

  EXPECT_THAT(token.status(), IsError(StatusCode::kUnavailable, HasSubstr("expired before it could be used")));
}

TEST(TokenCacheErrorsTest, ASourceThatHangsHoldsNoCallForLong) {
  absl::Notification let_go;
  auto cache = std::make_shared<TokenCache>(TokenCache::Options{.source = [&let_go]() -> absl::StatusOr<BearerToken> {
                                                                  let_go.WaitForNotification();
                                                                  return BearerToken{.text = "late"};
                                                                },
                                                                .name = "source",
                                                                .longest_wait = 20ms});

  EXPECT_THAT(cache->Get(), IsError(StatusCode::kUnavailable, HasSubstr("the source has not answered within 20ms")));

  let_go.Notify();
  while (cache.use_count() > 1) std::this_thread::yield();
  EXPECT_EQ(cache->Get().value(), "late");
}

TEST_F(TokenCacheTest, AFileIsReadAgainAndANewTokenFound) {
  testing::TemporaryDirectory directory;
  const std::filesystem::path file = directory.Write("token", " one\n");
  cache_ = std::make_shared<TokenCache>(TokenCache::Options{.source = [file] { return ReadTokenFile(file); },
                                                            .name = "credentials.token_file",
                                                            .refresh_every = 5s,
                                                            .now = clock_.function()});
  cache_->Put(ReadTokenFile(file).value());
  ASSERT_EQ(cache_->Get().value(), "one");
  ASSERT_EQ(cache_->generation(), 1);

  directory.Replace("token", "two");
  EXPECT_EQ(cache_->Get().value(), "one");
  clock_.Advance(5s);

  Eventually([this] { return cache_->Get().value() == "two"; });
  EXPECT_EQ(cache_->generation(), 2);
}

TEST_F(TokenCacheTest, AFileThatIsGoneOrBrokenKeepsTheLastToken) {
  Make({Token("one"), absl::NotFoundError("cannot read /run/token"), Token("two")}, /*refresh_every=*/5s);
  ASSERT_EQ(cache_->Get().value(), "one");

  clock_.Advance(6s);
  EXPECT_EQ(cache_->Get().value(), "one");
  Eventually([this] { return !cache_->last_failure().ok(); });
  EXPECT_EQ(cache_->Get().value(), "one");

  clock_.Advance(6s);
  Eventually([this] { return cache_->Get().value() == "two"; });
  EXPECT_THAT(cache_->last_failure(), IsOk());
}

TEST_F(TokenCacheTest, AFileThatHoldsTheSameTokenIsNoNewGeneration) {
  Make({Token("one")}, /*refresh_every=*/5s);
  ASSERT_EQ(cache_->Get().value(), "one");

  clock_.Advance(6s);
  cache_->Get().IgnoreError();
  Eventually([this] { return source_->asked() == 2 && cache_.use_count() == 1; });

  EXPECT_EQ(cache_->generation(), 1);
}

TEST(ReadTokenFileTest, SaysWhatIsWrong) {
  testing::TemporaryDirectory directory;

  EXPECT_THAT(ReadTokenFile(directory / "missing"), IsError(StatusCode::kNotFound, HasSubstr("missing: No such file")));
  EXPECT_THAT(ReadTokenFile(directory.Write("empty", " \n")), IsError(StatusCode::kInvalidArgument, HasSubstr("empty is empty")));
  EXPECT_THAT(ReadTokenFile(directory.Write("two", "one two")),
              IsError(StatusCode::kInvalidArgument, AllOf(HasSubstr("more than one token"), Not(HasSubstr("one two")))));
}

}  // namespace
}  // namespace userclient::internal
