// What every store must do, tried with each of them.
#include "userclient/server/user_store.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"

namespace userclient {
namespace {

using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::TemporaryDirectory;

struct Memory {
  std::shared_ptr<UserStore> Open() { return MakeMemoryUserStore(); }
};

struct Sqlite {
  std::shared_ptr<UserStore> Open() { return OpenSqliteUserStore(directory / "users.db").value(); }
  TemporaryDirectory directory;
};

template <typename Kind>
class UserStoreTest : public ::testing::Test {
 protected:
  Kind kind_;
  std::shared_ptr<UserStore> store_ = kind_.Open();
};

using Kinds = ::testing::Types<Memory, Sqlite>;
TYPED_TEST_SUITE(UserStoreTest, Kinds);

std::vector<std::string> IdsOf(const UserPage& page) {
  std::vector<std::string> ids;
  for (const user::v1::User& user : page.users) ids.push_back(user.user_id());
  return ids;
}

/// Walks to the end in pages of `limit`, and runs `between` after each page.
std::vector<std::string> Walk(
    UserStore& store, int limit, const std::function<void()>& between = [] {}) {
  std::vector<std::string> ids;
  PageQuery query{.limit = limit};
  while (true) {
    const UserPage page = store.List(query).value();
    for (const std::string& id : IdsOf(page)) ids.push_back(id);
    if (!page.more) return ids;
    query.after = page.last;
    query.until = page.until;
    between();
  }
}

TYPED_TEST(UserStoreTest, ReturnsWhatWasCreated) {
  const absl::StatusOr<user::v1::User> created = this->store_->Create({.email = "ada@example.com", .display_name = "Ada"});

  ASSERT_THAT(created, IsOk());
  const absl::StatusOr<user::v1::User> found = this->store_->Get(created->user_id());
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->SerializeAsString(), created->SerializeAsString());
  EXPECT_EQ(found->email(), "ada@example.com");
  EXPECT_EQ(found->display_name(), "Ada");
  EXPECT_EQ(found->status(), user::v1::USER_STATUS_ACTIVE);
  EXPECT_GT(found->created_at_unix(), 1'700'000'000);
}

TYPED_TEST(UserStoreTest, KnowsOnlyTheIdsItGave) {
  ASSERT_THAT(this->store_->Seed(2), IsOk());

  EXPECT_THAT(this->store_->Get("u-2"), IsOk());
  for (const char* id : {"u-3", "u-0", "u-02", "u-+2", "u--1", "u-", "2", "", "x-2", "u-2 ", "u-99999999999999999999"}) {
    EXPECT_THAT(this->store_->Get(id), HasCode(absl::StatusCode::kNotFound)) << id;
  }
}

TYPED_TEST(UserStoreTest, RepeatedKeyReturnsTheFirstResult) {
  const NewUser ada{.email = "ada@example.com", .display_name = "Ada", .idempotency_key = "k1"};
  const absl::StatusOr<user::v1::User> first = this->store_->Create(ada);

  const absl::StatusOr<user::v1::User> second = this->store_->Create(ada);

  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(this->store_->List({})->total_count, 1);
}

TYPED_TEST(UserStoreTest, RepeatedKeyWithOtherFieldsIsRefused) {
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com", .display_name = "Ada", .idempotency_key = "k1"}), IsOk());

  EXPECT_THAT(this->store_->Create({.email = "ada@example.com", .display_name = "Other", .idempotency_key = "k1"}),
              HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(this->store_->Create({.email = "other@example.com", .display_name = "Ada", .idempotency_key = "k1"}),
              HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(this->store_->List({})->total_count, 1);
}

TYPED_TEST(UserStoreTest, EmailIsUnique) {
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com", .idempotency_key = "k1"}), IsOk());

  EXPECT_THAT(this->store_->Create({.email = "ada@example.com", .idempotency_key = "k2"}),
              HasCode(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(this->store_->Create({.email = "ada@example.com"}), HasCode(absl::StatusCode::kAlreadyExists));
}

TYPED_TEST(UserStoreTest, RefusedCreateUsesUpNeitherItsKeyNorAnId) {
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com"}), IsOk());
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com", .idempotency_key = "k"}),
              HasCode(absl::StatusCode::kAlreadyExists));

  const absl::StatusOr<user::v1::User> created = this->store_->Create({.email = "bob@example.com", .idempotency_key = "k"});

  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->user_id(), "u-2");
}

TYPED_TEST(UserStoreTest, EmptyKeyProtectsNothing) {
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com"}), IsOk());

  EXPECT_THAT(this->store_->Create({.email = "bob@example.com"}), IsOk());
  EXPECT_EQ(this->store_->List({})->total_count, 2);
}

TYPED_TEST(UserStoreTest, KeepsEveryByteOfAString) {
  const std::string name("a\0b'; DROP TABLE users; --", 26);

  const absl::StatusOr<user::v1::User> created = this->store_->Create({.email = "ada@example.com", .display_name = name});

  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(this->store_->Get(created->user_id())->display_name(), name);
}

TYPED_TEST(UserStoreTest, ListsInOrderOfCreation) {
  ASSERT_THAT(this->store_->Seed(3), IsOk());

  const absl::StatusOr<UserPage> first = this->store_->List({.limit = 2});
  const absl::StatusOr<UserPage> second = this->store_->List({.after = first->last, .until = first->until, .limit = 2});

  EXPECT_THAT(IdsOf(*first), ElementsAre("u-1", "u-2"));
  EXPECT_TRUE(first->more);
  EXPECT_EQ(first->total_count, 3);
  EXPECT_THAT(IdsOf(*second), ElementsAre("u-3"));
  EXPECT_FALSE(second->more);
}

TYPED_TEST(UserStoreTest, FullLastPageSaysThatItIsTheLast) {
  ASSERT_THAT(this->store_->Seed(2), IsOk());

  EXPECT_FALSE(this->store_->List({.limit = 2})->more);
}

TYPED_TEST(UserStoreTest, EmptyStoreHasOneEmptyPage) {
  const absl::StatusOr<UserPage> page = this->store_->List({});

  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->users, IsEmpty());
  EXPECT_FALSE(page->more);
  EXPECT_EQ(page->total_count, 0);
}

TYPED_TEST(UserStoreTest, PageOfAnotherStoreIsRefused) {
  ASSERT_THAT(this->store_->Seed(3), IsOk());

  EXPECT_THAT(this->store_->List({.after = 4}), HasCode(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(this->store_->List({.after = 1, .until = 4}), HasCode(absl::StatusCode::kOutOfRange));
}

TYPED_TEST(UserStoreTest, WalkEndsAtTheUserThatWasLastWhenItBegan) {
  ASSERT_THAT(this->store_->Seed(5), IsOk());
  int created = 0;

  const std::vector<std::string> ids = Walk(*this->store_, 1, [&] {
    ASSERT_THAT(this->store_->Create({.email = absl::StrCat("late", created++, "@example.com")}), IsOk());
  });

  EXPECT_THAT(ids, ElementsAre("u-1", "u-2", "u-3", "u-4", "u-5"));
  EXPECT_EQ(this->store_->List({})->total_count, 9);
}

TYPED_TEST(UserStoreTest, WalkSeesEveryUserOnceWhileManyThreadsCreate) {
  ASSERT_THAT(this->store_->Seed(50), IsOk());
  std::vector<std::thread> creators;
  for (int thread = 0; thread < 4; ++thread) {
    creators.emplace_back([this, thread] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_THAT(this->store_->Create({.email = absl::StrCat("t", thread, "-", i, "@example.com")}), IsOk());
      }
    });
  }

  for (int walk = 0; walk < 10; ++walk) {
    const int64_t at_begin = this->store_->List({.limit = 1})->total_count;
    const std::vector<std::string> ids = Walk(*this->store_, 7);
    EXPECT_GE(ids.size(), static_cast<size_t>(at_begin));
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], absl::StrCat("u-", i + 1));
  }

  for (std::thread& creator : creators) creator.join();
  EXPECT_EQ(Walk(*this->store_, 7).size(), 250u);
}

TYPED_TEST(UserStoreTest, OneOfManyConcurrentCreatesWithOneKeyTakesEffect) {
  std::vector<std::thread> callers;
  std::vector<std::string> ids(8);
  for (std::string& id : ids) {
    callers.emplace_back(
        [this, &id] { id = this->store_->Create({.email = "ada@example.com", .idempotency_key = "k"})->user_id(); });
  }
  for (std::thread& caller : callers) caller.join();

  EXPECT_THAT(ids, ::testing::Each("u-1"));
  EXPECT_EQ(this->store_->List({})->total_count, 1);
}

TYPED_TEST(UserStoreTest, CreatesManyAndReportsEachByItself) {
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com", .idempotency_key = "k"}), IsOk());
  const std::vector<NewUser> users = {{.email = "bob@example.com", .idempotency_key = "b"},
                                      {.email = "ada@example.com"},
                                      {.email = "eve@example.com", .idempotency_key = "k"},
                                      {.email = "bob@example.com", .idempotency_key = "b"},
                                      {.email = "eve@example.com"}};

  const auto outcomes = this->store_->CreateAll(users);

  ASSERT_THAT(outcomes, IsOk());
  ASSERT_THAT(*outcomes, ::testing::SizeIs(5));
  EXPECT_EQ((*outcomes)[0]->user_id(), "u-2");
  EXPECT_THAT((*outcomes)[1], HasCode(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT((*outcomes)[2], HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ((*outcomes)[3]->user_id(), "u-2");
  EXPECT_EQ((*outcomes)[4]->user_id(), "u-3");
  EXPECT_EQ(this->store_->List({})->total_count, 3);
}

TYPED_TEST(UserStoreTest, CreatesNoneOfNone) { EXPECT_THAT(*this->store_->CreateAll({}), IsEmpty()); }

// Activity

TYPED_TEST(UserStoreTest, LogBeginsWithTheCreationAndIsReadInPages) {
  ASSERT_THAT(this->store_->Seed(2), IsOk());
  ASSERT_THAT(this->store_->SeedActivity(4), IsOk());

  const absl::StatusOr<ActivityPage> first = this->store_->Activity({.user_id = "u-2", .limit = 3});
  const absl::StatusOr<ActivityPage> second = this->store_->Activity({.user_id = "u-2", .after = first->last, .limit = 3});

  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(first->events, ::testing::SizeIs(3));
  EXPECT_EQ(first->events[0].event_id(), "e-0000000001");
  EXPECT_EQ(first->events[0].action(), "created");
  EXPECT_EQ(first->events[0].resource(), "user/u-2");
  EXPECT_EQ(first->events[0].timestamp_unix(), 1'700'000'002);
  EXPECT_EQ(first->events[2].timestamp_unix(), 1'700'000'122);
  EXPECT_EQ(first->last, 3);
  EXPECT_TRUE(first->more);
  ASSERT_THAT(second->events, ::testing::SizeIs(2));
  EXPECT_EQ(second->events[1].event_id(), "e-0000000005");
  EXPECT_FALSE(second->more);
}

TYPED_TEST(UserStoreTest, SeededLogsAreTheSameInEveryStore) {
  const std::shared_ptr<UserStore> memory = MakeMemoryUserStore();
  for (UserStore* store : {this->store_.get(), memory.get()}) {
    ASSERT_THAT(store->Seed(3), IsOk());
    ASSERT_THAT(store->SeedActivity(50), IsOk());
  }

  const absl::StatusOr<ActivityPage> here = this->store_->Activity({.user_id = "u-3"});
  const absl::StatusOr<ActivityPage> there = memory->Activity({.user_id = "u-3"});

  ASSERT_EQ(here->events.size(), there->events.size());
  for (size_t i = 0; i < here->events.size(); ++i) {
    EXPECT_EQ(here->events[i].SerializeAsString(), there->events[i].SerializeAsString());
  }
}

TYPED_TEST(UserStoreTest, LogGrowsAndNeverChanges) {
  ASSERT_THAT(this->store_->Seed(1), IsOk());
  ASSERT_THAT(this->store_->SeedActivity(2), IsOk());
  const std::string second = this->store_->Activity({.user_id = "u-1"})->events[1].SerializeAsString();

  ASSERT_THAT(this->store_->SeedActivity(5), IsOk());
  ASSERT_THAT(this->store_->SeedActivity(1), IsOk());

  const absl::StatusOr<ActivityPage> page = this->store_->Activity({.user_id = "u-1"});
  EXPECT_THAT(page->events, ::testing::SizeIs(6));
  EXPECT_EQ(page->events[1].SerializeAsString(), second);
}

TYPED_TEST(UserStoreTest, KnowsTheEndOfALogAndWhoHasNone) {
  ASSERT_THAT(this->store_->Seed(1), IsOk());

  EXPECT_THAT(this->store_->Activity({.user_id = "u-1", .after = 1})->events, IsEmpty());
  EXPECT_THAT(this->store_->Activity({.user_id = "u-1", .after = 2}), HasCode(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(this->store_->Activity({.user_id = "u-2"}), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(this->store_->Activity({.user_id = "x"}), HasCode(absl::StatusCode::kNotFound));
}

// The feed

TYPED_TEST(UserStoreTest, FeedHasEveryCreationInOrder) {
  EXPECT_EQ(this->store_->LastChange().value(), 0);
  ASSERT_THAT(this->store_->Seed(2), IsOk());
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com", .idempotency_key = "k"}), IsOk());
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com", .idempotency_key = "k"}), IsOk());
  ASSERT_THAT(this->store_->Create({.email = "ada@example.com"}), HasCode(absl::StatusCode::kAlreadyExists));

  const absl::StatusOr<std::vector<UserChange>> changes = this->store_->Changes(1, 10);

  ASSERT_THAT(changes, IsOk());
  ASSERT_THAT(*changes, ::testing::SizeIs(2));
  EXPECT_EQ((*changes)[0].user.user_id(), "u-2");
  EXPECT_EQ((*changes)[1].user.email(), "ada@example.com");
  EXPECT_EQ((*changes)[1].kind, user::v1::USER_CHANGE_KIND_CREATED);
  EXPECT_EQ((*changes)[1].sequence, this->store_->LastChange().value());
  EXPECT_THAT(*this->store_->Changes(0, 2), ::testing::SizeIs(2));
  EXPECT_THAT(*this->store_->Changes(3, 10), IsEmpty());
}

TYPED_TEST(UserStoreTest, SeedingFillsUpAndNoFurther) {
  ASSERT_THAT(this->store_->Seed(2), IsOk());
  ASSERT_THAT(this->store_->Seed(2), IsOk());
  ASSERT_THAT(this->store_->Seed(3), IsOk());

  EXPECT_EQ(this->store_->List({})->total_count, 3);
  EXPECT_EQ(this->store_->Get("u-3")->email(), "user3@example.com");
}

TYPED_TEST(UserStoreTest, SeedingThatMeetsATakenEmailChangesNothing) {
  ASSERT_THAT(this->store_->Create({.email = "user3@example.com"}), IsOk());

  EXPECT_THAT(this->store_->Seed(3), HasCode(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(this->store_->List({})->total_count, 1);
}

}  // namespace
}  // namespace userclient
