// What only a store in a file can do: outlive its process, and meet a file that is not its own.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "userclient/server/user_store.h"

namespace userclient {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using ::testing::StartsWith;
using testing::TemporaryDirectory;

void ExecuteSql(const std::filesystem::path& file, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  sqlite3_close(database);
}

TEST(SqliteUserStoreTest, RemembersUsersAndKeysAfterReopening) {
  TemporaryDirectory directory;
  const NewUser ada{.email = "ada@example.com", .display_name = "Ada", .idempotency_key = "k"};
  const std::string created = OpenSqliteUserStore(directory / "users.db").value()->Create(ada)->SerializeAsString();

  const std::shared_ptr<UserStore> reopened = OpenSqliteUserStore(directory / "users.db").value();

  EXPECT_EQ(reopened->Get("u-1")->SerializeAsString(), created);
  EXPECT_EQ(reopened->Create(ada)->SerializeAsString(), created);
  EXPECT_EQ(reopened->List({})->total_count, 1);
}

TEST(SqliteUserStoreTest, StoresOfOneFileSeeTheSameUsers) {
  TemporaryDirectory directory;
  const std::shared_ptr<UserStore> one = OpenSqliteUserStore(directory / "users.db").value();
  const std::shared_ptr<UserStore> other = OpenSqliteUserStore(directory / "users.db").value();

  ASSERT_THAT(one->Create({.email = "ada@example.com"}), IsOk());
  ASSERT_THAT(other->Create({.email = "bob@example.com"}), IsOk());

  EXPECT_EQ(one->Get("u-2")->email(), "bob@example.com");
  EXPECT_EQ(other->Get("u-1")->email(), "ada@example.com");
}

// The child acknowledges each create through a pipe and is killed in the midst of it, again and again on the same file.
TEST(SqliteUserStoreTest, NoAcknowledgedCreateIsLostWhenTheProcessIsKilled) {
  TemporaryDirectory directory;
  constexpr int kLives = 5;
  constexpr size_t kAcknowledgedBeforeTheKill = 20;
  std::vector<std::string> acknowledged;

  for (int life = 0; life < kLives; ++life) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      absl::StatusOr<std::shared_ptr<UserStore>> store = OpenSqliteUserStore(directory / "users.db");
      if (!store.ok()) _exit(1);
      for (int i = 0;; ++i) {
        const std::string name = std::to_string(life) + "-" + std::to_string(i);
        if (!(*store)->Create({.email = name + "@example.com", .idempotency_key = name}).ok()) _exit(2);
        const std::string line = name + "\n";
        if (write(ends[1], line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(3);
      }
    }
    close(ends[1]);

    std::string received;
    size_t lines = 0;
    char byte = 0;
    while (lines < kAcknowledgedBeforeTheKill && read(ends[0], &byte, 1) == 1) {
      received.push_back(byte);
      if (byte == '\n') ++lines;
    }
    ASSERT_EQ(kill(child, SIGKILL), 0);
    // What it acknowledged between our last read and its death counts too.
    while (read(ends[0], &byte, 1) == 1) received.push_back(byte);
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
    for (size_t begin = 0, end; (end = received.find('\n', begin)) != std::string::npos; begin = end + 1) {
      acknowledged.push_back(received.substr(begin, end - begin));
    }
  }

  const absl::StatusOr<std::shared_ptr<UserStore>> store = OpenSqliteUserStore(directory / "users.db");
  ASSERT_THAT(store, IsOk());
  ASSERT_GE(acknowledged.size(), kLives * kAcknowledgedBeforeTheKill);
  const int64_t before = (*store)->List({})->total_count;
  for (const std::string& name : acknowledged) {
    EXPECT_THAT((*store)->Create({.email = name + "@example.com"}), HasCode(absl::StatusCode::kAlreadyExists)) << name;
    EXPECT_THAT((*store)->Create({.email = name + "@example.com", .idempotency_key = name}), IsOk()) << name;
  }
  EXPECT_EQ((*store)->List({})->total_count, before);
}

TEST(SqliteUserStoreTest, SaysThatAFileIsNoDatabase) {
  TemporaryDirectory directory;
  const std::filesystem::path file = directory.Write("users.db", std::string(4096, 'x'));

  EXPECT_THAT(OpenSqliteUserStore(file), IsError(absl::StatusCode::kFailedPrecondition,
                                                 AllOf(StartsWith(file.string()), HasSubstr("is not a SQLite database"))));
}

TEST(SqliteUserStoreTest, LeavesTheDatabaseOfAnotherProgramAlone) {
  TemporaryDirectory directory;
  ExecuteSql(directory / "users.db", "CREATE TABLE something (x)");

  EXPECT_THAT(
      OpenSqliteUserStore(directory / "users.db"),
      IsError(absl::StatusCode::kFailedPrecondition, EndsWith("is a SQLite database, but holds something else than users")));
}

TEST(SqliteUserStoreTest, SaysThatAFileIsNewerThanTheProgram) {
  TemporaryDirectory directory;
  ASSERT_THAT(OpenSqliteUserStore(directory / "users.db"), IsOk());
  ExecuteSql(directory / "users.db", "PRAGMA user_version = 3");

  EXPECT_THAT(
      OpenSqliteUserStore(directory / "users.db"),
      IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("newer version of this program (schema 3; this one knows 2)")));
}

// What a program of version 1 has left.
TEST(SqliteUserStoreTest, TakesOverAFileOfVersionOne) {
  TemporaryDirectory directory;
  ASSERT_THAT(OpenSqliteUserStore(directory / "users.db").value()->Seed(2), IsOk());
  ExecuteSql(directory / "users.db",
             "DROP TRIGGER note_created_user; DROP TRIGGER log_created_user; DROP TABLE changes; DROP TABLE activity; "
             "DROP TABLE feed; PRAGMA user_version = 1");

  const std::shared_ptr<UserStore> store = OpenSqliteUserStore(directory / "users.db").value();
  ASSERT_THAT(store->Create({.email = "ada@example.com"}), IsOk());

  EXPECT_EQ(store->LastChange().value(), 3);
  EXPECT_EQ(store->Changes(1, 10)->front().user.user_id(), "u-2");
  EXPECT_EQ(store->Activity({.user_id = "u-1"})->events.front().action(), "created");
  EXPECT_EQ(store->Activity({.user_id = "u-3"})->events.front().resource(), "user/u-3");
}

TEST(SqliteUserStoreTest, StoresOfOneFileHaveOneFeed) {
  TemporaryDirectory directory;
  const std::shared_ptr<UserStore> one = OpenSqliteUserStore(directory / "users.db").value();
  const std::shared_ptr<UserStore> other = OpenSqliteUserStore(directory / "users.db").value();
  const std::shared_ptr<UserStore> of_another_file = OpenSqliteUserStore(directory / "other.db").value();

  ASSERT_THAT(one->Create({.email = "ada@example.com"}), IsOk());

  EXPECT_EQ(one->feed_id(), other->feed_id());
  EXPECT_NE(one->feed_id(), of_another_file->feed_id());
  EXPECT_EQ(other->LastChange().value(), 1);
  EXPECT_EQ(other->Changes(0, 10)->front().user.email(), "ada@example.com");
}

TEST(SqliteUserStoreTest, SaysThatADirectoryIsMissing) {
  TemporaryDirectory directory;

  EXPECT_THAT(OpenSqliteUserStore(directory / "missing/users.db"),
              IsError(absl::StatusCode::kNotFound, EndsWith("users.db: cannot open: No such file or directory")));
}

TEST(SqliteUserStoreTest, SaysThatAFileIsNotWritable) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  TemporaryDirectory directory;
  ASSERT_THAT(OpenSqliteUserStore(directory / "users.db"), IsOk());
  std::filesystem::permissions(directory / "users.db", std::filesystem::perms::owner_read);

  EXPECT_THAT(OpenSqliteUserStore(directory / "users.db"),
              IsError(absl::StatusCode::kPermissionDenied, HasSubstr("is not writable")));
}

TEST(SqliteUserStoreTest, NeedsAFileName) { EXPECT_THAT(OpenSqliteUserStore(""), HasCode(absl::StatusCode::kInvalidArgument)); }

}  // namespace
}  // namespace userclient
