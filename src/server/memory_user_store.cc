#include <algorithm>
#include <random>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/activity_log.h"
#include "server/stored_user.h"
#include "userclient/server/user_store.h"

namespace userclient {
namespace {

using internal::SequenceOf;
using user::v1::User;

class MemoryUserStore final : public UserStore {
 public:
  absl::StatusOr<User> Get(std::string_view user_id) override {
    const std::optional<int64_t> sequence = SequenceOf(user_id);
    absl::ReaderMutexLock lock(&mutex_);
    if (!sequence || *sequence > Count()) return internal::NoSuchUser();
    return At(*sequence);
  }

  absl::StatusOr<UserPage> List(const PageQuery& query) override {
    absl::ReaderMutexLock lock(&mutex_);
    const int64_t until = query.until.value_or(Count());
    if (query.after > Count() || until > Count()) return internal::ForeignPage();
    UserPage page{.last = query.after, .until = until, .total_count = Count()};
    while (page.last < until && page.users.size() < static_cast<size_t>(query.limit)) page.users.push_back(At(++page.last));
    page.more = page.last < until;
    return page;
  }

  absl::StatusOr<User> Create(const NewUser& new_user) override {
    absl::MutexLock lock(&mutex_);
    return CreateLocked(new_user);
  }

  absl::StatusOr<std::vector<absl::StatusOr<User>>> CreateAll(std::span<const NewUser> new_users) override {
    std::vector<absl::StatusOr<User>> outcomes;
    absl::MutexLock lock(&mutex_);
    for (const NewUser& new_user : new_users) outcomes.push_back(CreateLocked(new_user));
    return outcomes;
  }

  absl::StatusOr<ActivityPage> Activity(const ActivityQuery& query) override {
    const std::optional<int64_t> sequence = SequenceOf(query.user_id);
    absl::ReaderMutexLock lock(&mutex_);
    if (!sequence || *sequence > Count()) return internal::NoSuchUser();
    const int64_t events = events_[static_cast<size_t>(*sequence - 1)];
    if (query.after > events) return internal::BeyondTheLog();
    ActivityPage page{.last = std::min(events, query.after + query.limit)};
    for (int64_t number = query.after + 1; number <= page.last; ++number) {
      page.events.push_back(internal::EventOf(*sequence, At(*sequence).created_at_unix(), number));
    }
    page.more = page.last < events;
    return page;
  }

  uint64_t feed_id() const override { return feed_id_; }

  // Users are created and nothing else, so the users are the feed.
  absl::StatusOr<int64_t> LastChange() override {
    absl::ReaderMutexLock lock(&mutex_);
    return Count();
  }

  absl::StatusOr<std::vector<UserChange>> Changes(int64_t after, int limit) override {
    absl::ReaderMutexLock lock(&mutex_);
    std::vector<UserChange> changes;
    for (int64_t sequence = after + 1; sequence <= std::min(Count(), after + limit); ++sequence) {
      changes.push_back({.sequence = sequence, .user = At(sequence), .kind = user::v1::USER_CHANGE_KIND_CREATED});
    }
    return changes;
  }

  absl::Status Seed(int count) override {
    absl::MutexLock lock(&mutex_);
    for (int64_t sequence = Count() + 1; sequence <= count; ++sequence) {
      if (by_email_.contains(internal::SeedEmail(sequence))) return internal::EmailTaken();
    }
    for (int64_t sequence = Count() + 1; sequence <= count; ++sequence) {
      Append(internal::SeedEmail(sequence), internal::SeedDisplayName(sequence), internal::SeedCreatedAt(sequence));
    }
    return absl::OkStatus();
  }

  absl::Status SeedActivity(int count) override {
    absl::MutexLock lock(&mutex_);
    for (int64_t& events : events_) events = std::max<int64_t>(events, 1 + count);
    return absl::OkStatus();
  }

  bool MayBlock() const override { return false; }

 private:
  int64_t Count() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return static_cast<int64_t>(users_.size()); }
  const User& At(int64_t sequence) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return users_[static_cast<size_t>(sequence - 1)]; }

  absl::StatusOr<User> CreateLocked(const NewUser& new_user) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (const auto known = by_key_.find(new_user.idempotency_key); known != by_key_.end()) {
      const User& first = At(known->second);
      if (first.email() != new_user.email || first.display_name() != new_user.display_name) return internal::KeyUsedForOther();
      return first;
    }
    if (by_email_.contains(new_user.email)) return internal::EmailTaken();
    const User& user = Append(new_user.email, new_user.display_name, internal::NowUnix());
    if (!new_user.idempotency_key.empty()) by_key_[new_user.idempotency_key] = Count();
    return user;
  }

  const User& Append(const std::string& email, const std::string& display_name, int64_t created_at)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    User& user = users_.emplace_back();
    user.set_user_id(internal::UserIdOf(Count()));
    user.set_email(email);
    user.set_display_name(display_name);
    user.set_created_at_unix(created_at);
    user.set_status(user::v1::USER_STATUS_ACTIVE);
    by_email_[email] = Count();
    events_.push_back(1);
    return user;
  }

  static uint64_t RandomId() {
    std::random_device device;
    return (uint64_t{device()} << 32) | device();
  }

  const uint64_t feed_id_ = RandomId();

  absl::Mutex mutex_;
  // The user with sequence number n stands at n - 1: users are never removed.
  std::vector<User> users_ ABSL_GUARDED_BY(mutex_);
  // How many events the log of each user has; the events are computed.
  std::vector<int64_t> events_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int64_t> by_email_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int64_t> by_key_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<UserStore> MakeMemoryUserStore() { return std::make_shared<MemoryUserStore>(); }

}  // namespace userclient
