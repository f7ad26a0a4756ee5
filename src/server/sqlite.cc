#include "server/sqlite.h"

#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace userclient::internal::sqlite {
namespace {

constexpr int kBusyTimeoutMilliseconds = 5000;

}  // namespace

absl::Status ErrorOf(sqlite3* database, std::string_view doing) {
  const int code = database != nullptr ? sqlite3_extended_errcode(database) : SQLITE_NOMEM;
  const std::string message =
      absl::StrCat(std::string(doing), ": ", database != nullptr ? sqlite3_errmsg(database) : "out of memory");
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
      return absl::AlreadyExistsError(message);
    default:
      break;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

Statement::Use& Statement::Use::Bind(int64_t value) {
  sqlite3_bind_int64(statement_, ++bound_, value);
  return *this;
}

Statement::Use& Statement::Use::Bind(std::string_view text) {
  // A null pointer would bind NULL.
  sqlite3_bind_text64(statement_, ++bound_, text.data() != nullptr ? text.data() : "", text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

absl::StatusOr<bool> Statement::Use::Step() {
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return ErrorOf(sqlite3_db_handle(statement_), "the user database");
  }
}

std::string Statement::Use::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_, column);
  if (text == nullptr) return "";
  return std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

absl::StatusOr<Database> Database::Open(const std::filesystem::path& file) {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database;
  database.database_.reset(opened);
  if (code != SQLITE_OK) {
    const int reason = opened != nullptr ? sqlite3_system_errno(opened) : 0;
    if (reason != 0) return absl::NotFoundError(absl::StrCat("cannot open: ", std::generic_category().message(reason)));
    return ErrorOf(opened, "cannot open");
  }
  sqlite3_extended_result_codes(opened, 1);
  sqlite3_busy_timeout(opened, kBusyTimeoutMilliseconds);
  return database;
}

absl::Status Database::Execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return absl::OkStatus();
  return ErrorOf(database_.get(), "the user database");
}

absl::StatusOr<Statement> Database::Prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return ErrorOf(database_.get(), "the user database");
  }
  return Statement(statement);
}

absl::StatusOr<int64_t> Database::Integer(const char* sql) {
  absl::StatusOr<std::string> text = Text(sql);
  if (!text.ok()) return text.status();
  return std::strtoll(text->c_str(), nullptr, 10);
}

absl::StatusOr<std::string> Database::Text(const char* sql) {
  absl::StatusOr<Statement> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  Statement::Use use(*statement);
  absl::StatusOr<bool> row = use.Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::InternalError(absl::StrCat("the user database: no answer to ", sql));
  return use.Text(0);
}

absl::StatusOr<Transaction> Transaction::Begin(Database& database, const char* begin) {
  absl::Status begun = database.Execute(begin);
  if (!begun.ok()) return begun;
  return Transaction(database);
}

Transaction::~Transaction() {
  // After some errors SQLite has rolled back already; there is nothing to be done about a failure.
  if (database_ != nullptr) database_->Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  absl::Status committed = database_->Execute("COMMIT");
  if (committed.ok()) database_ = nullptr;
  return committed;
}

}  // namespace userclient::internal::sqlite
