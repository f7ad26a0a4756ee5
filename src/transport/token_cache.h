#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "userclient/bearer_token.h"

namespace userclient::internal {

/// The bearer token of a client, fetched once for all its channels and calls.
///
///   nothing ──► fetching ──► token ──► refreshing, the token still serves ──► next token
///                  │                        └ fails: the token serves until it expires; tried again after a pause
///                  └ fails: calls fail with the reason; tried again after a pause
///
/// A fetch runs on a thread of its own, one at a time, and is begun by whoever needs it, so an idle client fetches nothing.
///
/// *Thread-safe.* Held by a shared_ptr, also by a fetch that runs.
class TokenCache : public std::enable_shared_from_this<TokenCache> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Options {
    TokenSource source{};
    /// Begins every error: "credentials.token_source".
    std::string name{};
    /// Fetched again after this time, however long the token is good for. Absent: only ahead of its expiry.
    std::optional<std::chrono::nanoseconds> refresh_every{};
    /// How long a call may wait for a token.
    std::chrono::nanoseconds longest_wait = std::chrono::seconds(10);
    std::function<TimePoint()> now = [] { return std::chrono::steady_clock::now(); };
  };

  explicit TokenCache(Options options);
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  /// The first token, for those who have it already.
  void Put(BearerToken token);

  /// Begins to fetch, if there is no token. *Never blocks.*
  void Prefetch();

  enum class Wait { kIfNeedBe, kNever };

  /// Whether Get would return a token without waiting.
  bool HasToken() const;

  /// The token to send now. Begins a refresh if it is due. *Blocks* only if there is no token that could be sent, at most for
  /// `longest_wait`. One that never waits is given the last token there was, whether it still serves or not, and the server
  /// decides. *Errors:* UNAVAILABLE, UNAUTHENTICATED (the source says so) or INTERNAL (it threw), with the name and the
  /// source's own words.
  absl::StatusOr<std::string> Get(Wait wait = Wait::kIfNeedBe);

  /// Grows with every new token; 0 before the first. To be read before an attempt, for RefreshAfter.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  /// A server has answered UNAUTHENTICATED to an attempt that began at this generation. True: another attempt makes sense,
  /// because there is a newer token, or one is being fetched, for which that attempt waits; however many say so of one
  /// generation, it is fetched once. False: there is none to be had now, or the server refuses fresh ones too. *Never blocks.*
  bool RefreshAfter(uint64_t generation);

  /// Why the last fetch failed; OK if it did not.
  absl::Status last_failure() const;

 private:
  struct Token {
    std::string text{};
    TimePoint refresh_at = TimePoint::max();
    TimePoint expires_at = TimePoint::max();
  };

  /// Asks the source; makes every way to fail a status.
  absl::StatusOr<BearerToken> AskSource() const;
  void Fetch();
  void Conclude(absl::StatusOr<BearerToken> fetched, TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(BearerToken fetched, TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// False if none may begin yet.
  bool BeginFetch(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Serves(TimePoint now) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool Expired(TimePoint now) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !token_ || now >= token_->expires_at; }
  bool Idle() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !fetching_; }

  const Options options_;
  std::atomic<uint64_t> generation_{0};
  mutable absl::Mutex mutex_;
  std::optional<Token> token_ ABSL_GUARDED_BY(mutex_);
  bool fetching_ ABSL_GUARDED_BY(mutex_) = false;
  /// A server has refused the token since the fetch began, or that is why it began.
  bool refused_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  /// Until the next fetch after a failed one.
  std::chrono::nanoseconds pause_ ABSL_GUARDED_BY(mutex_);
  TimePoint no_fetch_before_ ABSL_GUARDED_BY(mutex_) = TimePoint::min();
  TimePoint no_refusal_before_ ABSL_GUARDED_BY(mutex_) = TimePoint::min();
};

/// The token in a file: its only word. *Errors:* that it cannot be read, INVALID_ARGUMENT if it is empty; all with its path.
absl::StatusOr<BearerToken> ReadTokenFile(const std::filesystem::path& path);

}  // namespace userclient::internal
