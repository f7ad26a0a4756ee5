#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/activity_log.h"
#include "server/sqlite.h"
#include "server/stored_user.h"
#include "userclient/server/user_store.h"

namespace userclient {
namespace {

using internal::sqlite::Database;
using internal::sqlite::Statement;
using internal::sqlite::Transaction;
using user::v1::User;

// "uclt": says in the header of the file whose database it is.
constexpr int64_t kApplicationId = 0x75636c74;
constexpr int64_t kSchemaVersion = 2;

// AUTOINCREMENT never reuses a sequence number, and writers follow one another, so the order of the numbers is the order of the
// commits: a page that was read cannot get a user in its midst afterwards. The count is kept, because counting reads the whole
// table.
constexpr char kSchema[] = R"(
  CREATE TABLE users (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    created_at_unix INTEGER NOT NULL,
    status INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE idempotency_keys (
    key TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    display_name TEXT NOT NULL,
    sequence INTEGER NOT NULL REFERENCES users
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE totals (users INTEGER NOT NULL) STRICT;
  INSERT INTO totals VALUES (0);
  CREATE TRIGGER count_user AFTER INSERT ON users BEGIN UPDATE totals SET users = users + 1; END;
)";

// What version 2 added: the feed of changes and the activity logs. Made of the users that a file of version 1 holds, and kept by
// triggers, so that a program of version 1 that still has the file open adds to them too.
constexpr char kSchemaOfVersion2[] = R"(
  CREATE TABLE feed (id INTEGER NOT NULL) STRICT;
  INSERT INTO feed VALUES (random());
  CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES users,
    kind INTEGER NOT NULL
  ) STRICT;
  INSERT INTO changes (user, kind) SELECT sequence, 1 FROM users ORDER BY sequence;
  CREATE TRIGGER note_created_user AFTER INSERT ON users BEGIN
    INSERT INTO changes (user, kind) VALUES (new.sequence, 1);
  END;
  CREATE TABLE activity (
    user INTEGER NOT NULL REFERENCES users,
    number INTEGER NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    timestamp_unix INTEGER NOT NULL,
    PRIMARY KEY (user, number)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO activity SELECT sequence, 1, 'created', 'user/u-' || sequence, created_at_unix FROM users;
  CREATE TRIGGER log_created_user AFTER INSERT ON users BEGIN
    INSERT INTO activity VALUES (new.sequence, 1, 'created', 'user/u-' || new.sequence, new.created_at_unix);
  END;
)";

#define USERCLIENT_RETURN_IF_ERROR(expression)                              \
  if (absl::Status returned_status = (expression); !returned_status.ok()) { \
    return returned_status;                                                 \
  }

absl::Status Named(const std::filesystem::path& file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(file.string(), ": ", std::string(status.message())));
}

/// Makes the tables in an empty database, and those that an old one lacks; refuses one that is not ours.
absl::Status PrepareSchema(Database& database) {
  // Taken first, so that two processes that meet at a new file do not both make it.
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database, "BEGIN IMMEDIATE");
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<int64_t> application = database.Integer("PRAGMA application_id");
  if (!application.ok()) return application.status();
  absl::StatusOr<int64_t> tables = database.Integer("SELECT count(*) FROM sqlite_master");
  if (!tables.ok()) return tables.status();
  absl::StatusOr<int64_t> version = database.Integer("PRAGMA user_version");
  if (!version.ok()) return version.status();

  const bool ours = *application == kApplicationId;
  if (ours && *version == kSchemaVersion) return absl::OkStatus();
  if (ours && *version > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat("was written by a newer version of this program (schema ", *version,
                                                      "; this one knows ", kSchemaVersion, ")"));
  }
  if (!ours && (*application != 0 || *tables != 0))
    return absl::FailedPreconditionError("is a SQLite database, but holds something else than users");
  if (!ours) USERCLIENT_RETURN_IF_ERROR(database.Execute(kSchema));
  USERCLIENT_RETURN_IF_ERROR(database.Execute(kSchemaOfVersion2));
  USERCLIENT_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId).c_str()));
  USERCLIENT_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion).c_str()));
  return transaction->Commit();
}

absl::StatusOr<Database> OpenConnection(const std::filesystem::path& file) {
  absl::StatusOr<Database> database = Database::Open(file);
  if (!database.ok()) return database.status();
  // Reads the first page, and so finds out whether this is a database.
  absl::StatusOr<int64_t> schema = database->Integer("PRAGMA schema_version");
  if (absl::IsInternal(schema.status())) return absl::FailedPreconditionError("is not a SQLite database, or a damaged one");
  if (!schema.ok()) return schema.status();
  if (database->read_only()) return absl::PermissionDeniedError("is not writable");
  return database;
}

/// With FULL a commit returns when the write-ahead log is on the disk.
absl::Status MakeDurable(Database& database) {
  absl::StatusOr<std::string> journal = database.Text("PRAGMA journal_mode = WAL");
  if (!journal.ok()) return journal.status();
  if (*journal != "wal")
    return absl::FailedPreconditionError(absl::StrCat("its file system allows no write-ahead log (journal_mode ", *journal, ")"));
  return database.Execute("PRAGMA synchronous = FULL");
}

User MakeUser(int64_t sequence, std::string email, std::string display_name, int64_t created_at) {
  User user;
  user.set_user_id(internal::UserIdOf(sequence));
  user.set_email(std::move(email));
  user.set_display_name(std::move(display_name));
  user.set_created_at_unix(created_at);
  user.set_status(user::v1::USER_STATUS_ACTIVE);
  return user;
}

/// From the columns sequence, email, display_name, created_at_unix, status.
User ReadUser(const Statement::Use& row) {
  User user = MakeUser(row.Integer(0), row.Text(1), row.Text(2), row.Integer(3));
  user.set_status(static_cast<user::v1::UserStatus>(row.Integer(4)));
  return user;
}

/// Two connections: readers do not wait for the disk of a writer.
class SqliteUserStore final : public UserStore {
 public:
  absl::Status Open(const std::filesystem::path& file) {
    absl::MutexLock write_lock(&write_mutex_);
    absl::MutexLock read_lock(&read_mutex_);
    absl::StatusOr<Database> writer = OpenConnection(file);
    if (!writer.ok()) return writer.status();
    USERCLIENT_RETURN_IF_ERROR(PrepareSchema(*writer));
    USERCLIENT_RETURN_IF_ERROR(MakeDurable(*writer));
    absl::StatusOr<Database> reader = OpenConnection(file);
    if (!reader.ok()) return reader.status();
    absl::StatusOr<int64_t> feed_id = reader->Integer("SELECT id FROM feed");
    if (!feed_id.ok()) return feed_id.status();
    feed_id_ = static_cast<uint64_t>(*feed_id);
    writer_ = *std::move(writer);
    reader_ = *std::move(reader);

    const std::pair<Statement*, const char*> for_reader[] = {
        {&select_user_, "SELECT sequence, email, display_name, created_at_unix, status FROM users WHERE sequence = ?"},
        {&select_page_,
         "SELECT sequence, email, display_name, created_at_unix, status FROM users WHERE sequence > ? AND sequence <= ? ORDER BY "
         "sequence LIMIT ?"},
        {&select_events_,
         "SELECT number, action, resource, timestamp_unix FROM activity WHERE user = ? AND number > ? ORDER BY number LIMIT ?"},
        {&select_last_event_, "SELECT coalesce(max(number), 0) FROM activity WHERE user = ?"},
        {&select_last_change_, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)"},
        {&select_changes_,
         "SELECT users.sequence, users.email, users.display_name, users.created_at_unix, users.status, changes.sequence, "
         "changes.kind "
         "FROM changes JOIN users ON users.sequence = changes.user WHERE changes.sequence > ? ORDER BY changes.sequence LIMIT ?"},
        {&select_totals_, "SELECT users, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'users'), 0) FROM totals"},
    };
    const std::pair<Statement*, const char*> for_writer[] = {
        {&select_key_,
         "SELECT users.sequence, users.email, users.display_name, users.created_at_unix, users.status, keys.email, "
         "keys.display_name "
         "FROM idempotency_keys AS keys JOIN users ON users.sequence = keys.sequence WHERE keys.key = ?"},
        {&insert_user_,
         "INSERT INTO users (email, display_name, created_at_unix, status) VALUES (?, ?, ?, ?) RETURNING sequence"},
        {&insert_key_, "INSERT INTO idempotency_keys (key, email, display_name, sequence) VALUES (?, ?, ?, ?)"},
        {&insert_event_, "INSERT INTO activity (user, number, action, resource, timestamp_unix) VALUES (?, ?, ?, ?, ?)"},
        {&select_log_lengths_,
         "SELECT users.sequence, users.created_at_unix, coalesce((SELECT max(number) FROM activity WHERE user = users.sequence), "
         "0) "
         "FROM users WHERE users.sequence > ? ORDER BY users.sequence LIMIT 1"},
        {&select_last_, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'users'), 0)"},
    };
    USERCLIENT_RETURN_IF_ERROR(PrepareAll(reader_, for_reader));
    return PrepareAll(writer_, for_writer);
  }

  absl::StatusOr<User> Get(std::string_view user_id) override {
    const std::optional<int64_t> sequence = internal::SequenceOf(user_id);
    if (!sequence) return internal::NoSuchUser();
    absl::MutexLock lock(&read_mutex_);
    Statement::Use select(select_user_);
    absl::StatusOr<bool> row = select.Bind(*sequence).Step();
    if (!row.ok()) return row.status();
    if (!*row) return internal::NoSuchUser();
    return ReadUser(select);
  }

  absl::StatusOr<UserPage> List(const PageQuery& query) override {
    absl::MutexLock lock(&read_mutex_);
    // One transaction: the totals and the page are of the same moment.
    absl::StatusOr<Transaction> transaction = Transaction::Begin(reader_, "BEGIN");
    if (!transaction.ok()) return transaction.status();
    Statement::Use totals(select_totals_);
    absl::StatusOr<bool> row = totals.Step();
    if (!row.ok()) return row.status();
    const int64_t last_ever = totals.Integer(1);
    UserPage page{.last = query.after, .until = query.until.value_or(last_ever), .total_count = totals.Integer(0)};
    if (query.after > last_ever || page.until > last_ever) return internal::ForeignPage();

    // One more than asked for tells whether there is more.
    Statement::Use select(select_page_);
    select.Bind(query.after).Bind(page.until).Bind(int64_t{query.limit} + 1);
    for (row = select.Step(); row.ok() && *row; row = select.Step()) {
      if (page.users.size() == static_cast<size_t>(query.limit)) {
        page.more = true;
        break;
      }
      page.last = select.Integer(0);
      page.users.push_back(ReadUser(select));
    }
    if (!row.ok()) return row.status();
    return page;
  }

  absl::StatusOr<User> Create(const NewUser& new_user) override {
    absl::StatusOr<std::vector<absl::StatusOr<User>>> outcomes = CreateAll({&new_user, 1});
    if (!outcomes.ok()) return outcomes.status();
    return std::move(outcomes->front());
  }

  absl::StatusOr<std::vector<absl::StatusOr<User>>> CreateAll(std::span<const NewUser> new_users) override {
    std::vector<absl::StatusOr<User>> outcomes;
    absl::MutexLock lock(&write_mutex_);
    absl::StatusOr<Transaction> transaction = Transaction::Begin(writer_, "BEGIN IMMEDIATE");
    if (!transaction.ok()) return transaction.status();
    for (const NewUser& new_user : new_users) {
      outcomes.push_back(CreateInTransaction(new_user));
      // Anything else than a refusal by the rules may have spoilt the transaction.
      const absl::Status& status = outcomes.back().status();
      if (!status.ok() && !absl::IsFailedPrecondition(status) && !absl::IsAlreadyExists(status)) return status;
    }
    USERCLIENT_RETURN_IF_ERROR(transaction->Commit());
    return outcomes;
  }

  absl::StatusOr<ActivityPage> Activity(const ActivityQuery& query) override {
    const std::optional<int64_t> sequence = internal::SequenceOf(query.user_id);
    if (!sequence) return internal::NoSuchUser();
    absl::MutexLock lock(&read_mutex_);
    // One transaction: the length of the log and the page are of the same moment.
    absl::StatusOr<Transaction> transaction = Transaction::Begin(reader_, "BEGIN");
    if (!transaction.ok()) return transaction.status();
    Statement::Use length(select_last_event_);
    absl::StatusOr<bool> row = length.Bind(*sequence).Step();
    if (!row.ok()) return row.status();
    const int64_t events = length.Integer(0);
    // Every log has the creation of its user.
    if (events == 0) return internal::NoSuchUser();
    if (query.after > events) return internal::BeyondTheLog();

    ActivityPage page{.last = query.after};
    Statement::Use select(select_events_);
    select.Bind(*sequence).Bind(query.after).Bind(int64_t{query.limit});
    for (row = select.Step(); row.ok() && *row; row = select.Step()) {
      page.last = select.Integer(0);
      user::v1::ActivityEvent& event = page.events.emplace_back();
      event.set_event_id(internal::EventIdOf(page.last));
      event.set_action(select.Text(1));
      event.set_resource(select.Text(2));
      event.set_timestamp_unix(select.Integer(3));
    }
    if (!row.ok()) return row.status();
    page.more = page.last < events;
    return page;
  }

  uint64_t feed_id() const override { return feed_id_; }

  absl::StatusOr<int64_t> LastChange() override {
    absl::MutexLock lock(&read_mutex_);
    Statement::Use select(select_last_change_);
    absl::StatusOr<bool> row = select.Step();
    if (!row.ok()) return row.status();
    return select.Integer(0);
  }

  absl::StatusOr<std::vector<UserChange>> Changes(int64_t after, int limit) override {
    std::vector<UserChange> changes;
    absl::MutexLock lock(&read_mutex_);
    Statement::Use select(select_changes_);
    absl::StatusOr<bool> row = select.Bind(after).Bind(int64_t{limit}).Step();
    for (; row.ok() && *row; row = select.Step()) {
      changes.push_back({.sequence = select.Integer(5),
                         .user = ReadUser(select),
                         .kind = static_cast<user::v1::UserChangeKind>(select.Integer(6))});
    }
    if (!row.ok()) return row.status();
    return changes;
  }

  absl::Status Seed(int count) override {
    absl::MutexLock lock(&write_mutex_);
    absl::StatusOr<Transaction> transaction = Transaction::Begin(writer_, "BEGIN IMMEDIATE");
    if (!transaction.ok()) return transaction.status();
    int64_t last = 0;
    {
      Statement::Use select(select_last_);
      absl::StatusOr<bool> row = select.Step();
      if (!row.ok()) return row.status();
      last = select.Integer(0);
    }
    for (int64_t sequence = last + 1; sequence <= count; ++sequence) {
      absl::StatusOr<int64_t> inserted =
          Insert(internal::SeedEmail(sequence), internal::SeedDisplayName(sequence), internal::SeedCreatedAt(sequence));
      if (!inserted.ok()) return inserted.status();
    }
    return transaction->Commit();
  }

  absl::Status SeedActivity(int count) override {
    absl::MutexLock lock(&write_mutex_);
    absl::StatusOr<Transaction> transaction = Transaction::Begin(writer_, "BEGIN IMMEDIATE");
    if (!transaction.ok()) return transaction.status();
    int64_t user = 0;
    while (true) {
      int64_t created_at = 0;
      int64_t events = 0;
      {
        Statement::Use next(select_log_lengths_);
        absl::StatusOr<bool> row = next.Bind(user).Step();
        if (!row.ok()) return row.status();
        if (!*row) return transaction->Commit();
        user = next.Integer(0);
        created_at = next.Integer(1);
        events = next.Integer(2);
      }
      for (int64_t number = events + 1; number <= 1 + int64_t{count}; ++number) {
        const user::v1::ActivityEvent event = internal::EventOf(user, created_at, number);
        Statement::Use insert(insert_event_);
        absl::StatusOr<bool> row =
            insert.Bind(user).Bind(number).Bind(event.action()).Bind(event.resource()).Bind(event.timestamp_unix()).Step();
        if (!row.ok()) return row.status();
      }
    }
  }

  bool MayBlock() const override { return true; }

 private:
  absl::StatusOr<User> CreateInTransaction(const NewUser& new_user) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    if (!new_user.idempotency_key.empty()) {
      Statement::Use known(select_key_);
      absl::StatusOr<bool> row = known.Bind(new_user.idempotency_key).Step();
      if (!row.ok()) return row.status();
      if (*row) {
        if (known.Text(5) != new_user.email || known.Text(6) != new_user.display_name) return internal::KeyUsedForOther();
        return ReadUser(known);
      }
    }
    const int64_t created_at = internal::NowUnix();
    absl::StatusOr<int64_t> sequence = Insert(new_user.email, new_user.display_name, created_at);
    if (!sequence.ok()) return sequence.status();
    if (!new_user.idempotency_key.empty()) {
      Statement::Use insert(insert_key_);
      absl::StatusOr<bool> row =
          insert.Bind(new_user.idempotency_key).Bind(new_user.email).Bind(new_user.display_name).Bind(*sequence).Step();
      if (!row.ok()) return row.status();
    }
    return MakeUser(*sequence, new_user.email, new_user.display_name, created_at);
  }

  template <size_t size>
  static absl::Status PrepareAll(Database& database, const std::pair<Statement*, const char*> (&statements)[size]) {
    for (const auto& [statement, sql] : statements) {
      absl::StatusOr<Statement> prepared = database.Prepare(sql);
      if (!prepared.ok()) return prepared.status();
      *statement = *std::move(prepared);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Insert(std::string_view email, std::string_view display_name, int64_t created_at)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    Statement::Use insert(insert_user_);
    absl::StatusOr<bool> row =
        insert.Bind(email).Bind(display_name).Bind(created_at).Bind(int64_t{user::v1::USER_STATUS_ACTIVE}).Step();
    if (absl::IsAlreadyExists(row.status())) return internal::EmailTaken();
    if (!row.ok()) return row.status();
    return insert.Integer(0);
  }

  // Set by Open.
  uint64_t feed_id_ = 0;

  absl::Mutex write_mutex_;
  Database writer_ ABSL_GUARDED_BY(write_mutex_);
  Statement select_key_ ABSL_GUARDED_BY(write_mutex_);
  Statement insert_user_ ABSL_GUARDED_BY(write_mutex_);
  Statement insert_key_ ABSL_GUARDED_BY(write_mutex_);
  Statement select_last_ ABSL_GUARDED_BY(write_mutex_);
  Statement insert_event_ ABSL_GUARDED_BY(write_mutex_);
  Statement select_log_lengths_ ABSL_GUARDED_BY(write_mutex_);

  absl::Mutex read_mutex_ ABSL_ACQUIRED_AFTER(write_mutex_);
  Database reader_ ABSL_GUARDED_BY(read_mutex_);
  Statement select_user_ ABSL_GUARDED_BY(read_mutex_);
  Statement select_page_ ABSL_GUARDED_BY(read_mutex_);
  Statement select_totals_ ABSL_GUARDED_BY(read_mutex_);
  Statement select_events_ ABSL_GUARDED_BY(read_mutex_);
  Statement select_last_event_ ABSL_GUARDED_BY(read_mutex_);
  Statement select_last_change_ ABSL_GUARDED_BY(read_mutex_);
  Statement select_changes_ ABSL_GUARDED_BY(read_mutex_);
};

#undef USERCLIENT_RETURN_IF_ERROR

}  // namespace

absl::StatusOr<std::shared_ptr<UserStore>> OpenSqliteUserStore(const std::filesystem::path& file) {
  if (file.empty()) return absl::InvalidArgumentError("the user database needs a file name");
  auto store = std::make_shared<SqliteUserStore>();
  if (absl::Status opened = store->Open(file); !opened.ok()) return Named(file, opened);
  return store;
}

}  // namespace userclient
