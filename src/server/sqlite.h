#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace userclient::internal::sqlite {

/// UNAVAILABLE while another process holds the database, ALREADY_EXISTS for a broken uniqueness, else INTERNAL.
absl::Status ErrorOf(sqlite3* database, std::string_view doing);

/// A prepared statement, bound anew for every use. Not thread-safe.
class Statement {
 public:
  /// The use of a statement; it lets go of its locks at the end.
  class Use {
   public:
    explicit Use(Statement& statement) : statement_(statement.statement_.get()) {}
    ~Use() {
      sqlite3_reset(statement_);
      sqlite3_clear_bindings(statement_);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    /// Binds the next parameter. The text must live as long as the use.
    Use& Bind(int64_t value);
    Use& Bind(std::string_view text);

    /// True: there is a row.
    absl::StatusOr<bool> Step();

    int64_t Integer(int column) const { return sqlite3_column_int64(statement_, column); }
    std::string Text(int column) const;

   private:
    sqlite3_stmt* statement_;
    int bound_ = 0;
  };

  Statement() = default;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One connection. Not thread-safe.
class Database {
 public:
  /// Opens for reading and writing, and makes the file if it does not exist.
  static absl::StatusOr<Database> Open(const std::filesystem::path& file);

  Database() = default;

  absl::Status Execute(const char* sql);
  absl::StatusOr<Statement> Prepare(const char* sql);
  /// The first column of the only row.
  absl::StatusOr<int64_t> Integer(const char* sql);
  absl::StatusOr<std::string> Text(const char* sql);
  bool read_only() const { return sqlite3_db_readonly(database_.get(), "main") == 1; }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };

  std::unique_ptr<sqlite3, Close> database_;
};

/// Rolls back at its end unless it was committed.
class Transaction {
 public:
  /// `begin` is "BEGIN" for reading, "BEGIN IMMEDIATE" for writing.
  static absl::StatusOr<Transaction> Begin(Database& database, const char* begin);

  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  ~Transaction();

  absl::Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;
};

}  // namespace userclient::internal::sqlite
