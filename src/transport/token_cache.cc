#include "transport/token_cache.h"

#include <algorithm>
#include <exception>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tls/read_file.h"

namespace userclient::internal {
namespace {

using std::chrono::nanoseconds;

// A refresh begins when a fifth of the token's time is left, but no earlier than this.
constexpr nanoseconds kLongestAhead = std::chrono::minutes(5);
constexpr nanoseconds kFirstPause = std::chrono::seconds(1);
constexpr nanoseconds kLongestPause = std::chrono::minutes(1);
// A server that refuses a fresh token will not take the next one either.
constexpr nanoseconds kRefusalPause = std::chrono::seconds(5);

/// From 0 to 1: so that many clients that began together do not go on together.
double Random() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>()(random);
}

nanoseconds Part(nanoseconds duration, double part) {
  return nanoseconds(static_cast<nanoseconds::rep>(static_cast<double>(duration.count()) * part));
}

TokenCache::TimePoint After(TokenCache::TimePoint time, nanoseconds duration) {
  return duration < TokenCache::TimePoint::max() - time ? time + duration : TokenCache::TimePoint::max();
}

bool IsVisible(unsigned char c) { return c > 0x20 && c < 0x7f; }

/// The token itself stays out of every message.
absl::Status CheckToken(const BearerToken& token) {
  if (token.text.empty()) return absl::InternalError("the token is empty");
  if (!std::all_of(token.text.begin(), token.text.end(), IsVisible)) {
    return absl::InternalError("the token is made of more than visible ASCII characters");
  }
  if (token.expires_in && *token.expires_in <= nanoseconds::zero()) return absl::InternalError("the token has expired already");
  return absl::OkStatus();
}

/// As a call that needs the token ends: what the source means by its codes, the caller must not take for the server's word.
absl::Status Failure(const std::string& name, const absl::Status& reason) {
  const bool denied = absl::IsUnauthenticated(reason) || absl::IsPermissionDenied(reason);
  const absl::StatusCode code = denied                     ? absl::StatusCode::kUnauthenticated
                                : absl::IsInternal(reason) ? absl::StatusCode::kInternal
                                                           : absl::StatusCode::kUnavailable;
  return absl::Status(code, absl::StrCat(name, ": no bearer token: ", std::string(reason.message())));
}

}  // namespace

TokenCache::TokenCache(Options options) : options_(std::move(options)), pause_(kFirstPause) {}

void TokenCache::Put(BearerToken token) {
  absl::MutexLock lock(&mutex_);
  Keep(std::move(token), options_.now());
}

void TokenCache::Prefetch() {
  absl::MutexLock lock(&mutex_);
  if (Expired(options_.now())) BeginFetch(options_.now());
}

bool TokenCache::HasToken() const {
  const TimePoint now = options_.now();
  absl::ReaderMutexLock lock(&mutex_);
  return Serves(now);
}

absl::StatusOr<std::string> TokenCache::Get(Wait wait) {
  const TimePoint now = options_.now();
  {
    absl::ReaderMutexLock lock(&mutex_);
    if (Serves(now) && now < token_->refresh_at) return token_->text;
  }
  absl::MutexLock lock(&mutex_);
  // A fetch may have ended since the look above.
  if (!Serves(now) || now >= token_->refresh_at) BeginFetch(now);
  if (Serves(now) || (token_ && wait == Wait::kNever)) return token_->text;
  mutex_.AwaitWithTimeout(absl::Condition(this, &TokenCache::Idle), absl::FromChrono(options_.longest_wait));
  // After a refresh that failed also one that was refused: the server decides.
  if (!Expired(options_.now())) return token_->text;
  if (!fetching_ && !failure_.ok()) return failure_;
  if (!fetching_) {
    return Failure(options_.name, absl::UnavailableError("the token had expired before it could be used; the source gives tokens "
                                                         "that are good for too short a time"));
  }
  return Failure(options_.name,
                 absl::UnavailableError(absl::StrCat("the source has not answered within ",
                                                     absl::FormatDuration(absl::FromChrono(options_.longest_wait)))));
}

bool TokenCache::RefreshAfter(uint64_t generation) {
  const TimePoint now = options_.now();
  absl::MutexLock lock(&mutex_);
  const uint64_t current = generation_.load(std::memory_order_relaxed);
  if (current == 0) return false;
  // An attempt that began before the first token was there carried the first, as far as anybody can tell.
  if (std::max<uint64_t>(generation, 1) != current) return true;
  if (!fetching_) {
    if (now < no_refusal_before_ || !BeginFetch(now)) return false;
    no_refusal_before_ = After(now, kRefusalPause);
  }
  refused_ = true;
  return true;
}

absl::Status TokenCache::last_failure() const {
  absl::ReaderMutexLock lock(&mutex_);
  return failure_;
}

bool TokenCache::Serves(TimePoint now) const { return !Expired(now) && !(refused_ && fetching_); }

bool TokenCache::BeginFetch(TimePoint now) {
  if (fetching_) return true;
  if (now < no_fetch_before_) return false;
  fetching_ = true;
  try {
    std::thread([self = shared_from_this()] { self->Fetch(); }).detach();
  } catch (const std::system_error& error) {
    Conclude(absl::ResourceExhaustedError(absl::StrCat("the system gives no thread to fetch it: ", error.what())), now);
    return false;
  }
  return true;
}

absl::StatusOr<BearerToken> TokenCache::AskSource() const {
  try {
    absl::StatusOr<BearerToken> token = options_.source();
    if (!token.ok()) return token;
    if (absl::Status status = CheckToken(*token); !status.ok()) return status;
    return token;
  } catch (const std::exception& thrown) {
    return absl::InternalError(absl::StrCat("the source threw: ", thrown.what()));
  } catch (...) {
    return absl::InternalError("the source threw something that is no std::exception");
  }
}

void TokenCache::Fetch() {
  absl::StatusOr<BearerToken> fetched = AskSource();
  absl::MutexLock lock(&mutex_);
  Conclude(std::move(fetched), options_.now());
}

void TokenCache::Conclude(absl::StatusOr<BearerToken> fetched, TimePoint now) {
  if (fetched.ok()) {
    Keep(*std::move(fetched), now);
    failure_ = absl::OkStatus();
    pause_ = kFirstPause;
  } else {
    failure_ = Failure(options_.name, fetched.status());
    no_fetch_before_ = After(now, Part(pause_, 0.8 + 0.4 * Random()));
    pause_ = std::min(2 * pause_, kLongestPause);
  }
  fetching_ = false;
  refused_ = false;
}

void TokenCache::Keep(BearerToken fetched, TimePoint now) {
  // A file that is read again and again holds the same token for a long time.
  const bool is_new = !token_ || refused_ || token_->text != fetched.text;
  Token token = {.text = std::move(fetched.text)};
  if (fetched.expires_in) {
    token.expires_at = After(now, *fetched.expires_in);
    const nanoseconds ahead = std::min(*fetched.expires_in / 5, kLongestAhead);
    token.refresh_at = After(now, *fetched.expires_in - Part(ahead, 0.75 + 0.25 * Random()));
  }
  if (options_.refresh_every) token.refresh_at = std::min(token.refresh_at, After(now, *options_.refresh_every));
  token_ = std::move(token);
  if (is_new) generation_.fetch_add(1, std::memory_order_release);
}

absl::StatusOr<BearerToken> ReadTokenFile(const std::filesystem::path& path) {
  absl::StatusOr<std::string> content = ReadFile(path);
  if (!content.ok()) return content.status();
  std::string text(absl::StripAsciiWhitespace(*content));
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(path.string(), " is empty; it must hold a token"));
  if (!std::all_of(text.begin(), text.end(), IsVisible)) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), " holds more than one token of visible ASCII characters"));
  }
  return BearerToken{.text = std::move(text)};
}

}  // namespace userclient::internal
