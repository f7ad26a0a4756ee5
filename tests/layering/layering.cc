#include "tests/layering/layering.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

namespace userclient::layering {
namespace {

using enum Library;

std::string_view NameOf(Library library) {
  switch (library) {
    case kStandard:
      return "the standard library";
    case kPosix:
      return "POSIX";
    case kAbseil:
      return "Abseil";
    case kGrpc:
      return "gRPC";
    case kProtobuf:
      return "protobuf";
    case kGeneratedMessages:
      return "generated messages";
    case kGeneratedStubs:
      return "generated stubs";
    case kJson:
      return "a JSON library";
    case kCommandLine:
      return "a command line library";
    case kCares:
      return "c-ares";
    case kSqlite:
      return "SQLite";
    case kOpenssl:
      return "OpenSSL";
    case kPrometheus:
      return "prometheus-cpp";
    case kOpenTelemetry:
      return "OpenTelemetry";
    case kHttp:
      return "an HTTP library";
    case kTestFramework:
      return "a test framework";
  }
  return "?";
}

std::optional<Library> LibraryOf(std::string_view header) {
  if (header.ends_with(".grpc.pb.h")) return kGeneratedStubs;
  if (header.starts_with("google/protobuf/")) return kProtobuf;
  if (header.ends_with(".pb.h")) return kGeneratedMessages;

  static constexpr std::array<std::pair<std::string_view, Library>, 26> kPrefixes = {{
      {"grpcpp/", kGrpc},
      {"grpc/", kGrpc},
      {"absl/", kAbseil},
      {"nlohmann/", kJson},
      {"CLI/", kCommandLine},
      {"ares.h", kCares},
      {"ares_", kCares},
      {"sqlite3.h", kSqlite},
      {"gtest/", kTestFramework},
      {"gmock/", kTestFramework},
      {"sys/", kPosix},
      {"net/", kPosix},
      {"netinet/", kPosix},
      {"arpa/", kPosix},
      {"netdb.h", kPosix},
      {"unistd.h", kPosix},
      {"fcntl.h", kPosix},
      {"poll.h", kPosix},
      {"signal.h", kPosix},
      {"pthread.h", kPosix},
      {"termios.h", kPosix},
      {"linux/", kPosix},
      {"openssl/", kOpenssl},
      {"prometheus/", kPrometheus},
      {"opentelemetry/", kOpenTelemetry},
      {"httplib.h", kHttp},
  }};
  for (const auto& [prefix, library] : kPrefixes) {
    if (header.starts_with(prefix)) return library;
  }
  if (header.find_first_of("/.") == std::string_view::npos) return kStandard;
  return std::nullopt;
}

/// What a header turns out to be: a library's, a file of the project, or neither.
using Resolved = std::variant<std::monostate, Library, std::string>;

Resolved Resolve(const SourceTree& tree, std::string_view folder, const std::string& header) {
  if (std::optional<Library> library = LibraryOf(header)) return *library;
  for (const std::string& path :
       {"include/" + header, "src/" + header, "samples/" + header, header, std::string(folder) + "/" + header}) {
    if (tree.Contains(path)) return path;
  }
  return std::monostate();
}

template <typename T>
bool Has(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

class Checker {
 public:
  Checker(const SourceTree& tree, const std::vector<Room>& rooms, const std::vector<Exception>& exceptions)
      : tree_(tree), rooms_(rooms), exceptions_(exceptions), used_(exceptions.size(), false) {}

  std::vector<std::string> Run() && {
    for (const auto& [file, includes] : tree_.files()) CheckFile(file, includes);
    for (size_t i = 0; i < exceptions_.size(); ++i) {
      if (!used_[i]) Report(exceptions_[i].file + ": the exception for " + exceptions_[i].header + " is not needed any more");
    }
    return std::move(violations_);
  }

 private:
  void Report(std::string violation) { violations_.push_back(std::move(violation)); }

  void CheckFile(const std::string& file, const std::vector<Include>& includes) {
    const std::string folder = FolderOf(file);
    const auto room = std::find_if(rooms_.begin(), rooms_.end(), [&](const Room& r) { return r.folder == folder; });
    if (room == rooms_.end()) {
      Report(file + ": " + folder + " is no room of this project; give it its line in the table of layering.cc");
      return;
    }
    for (const Include& include : includes) {
      if (Excepted(file, include.header)) continue;
      std::string reason = WhyNot(*room, include.header);
      if (!reason.empty()) Report(file + ":" + std::to_string(include.line) + ": includes " + include.header + ", but " + reason);
    }
  }

  bool Excepted(const std::string& file, const std::string& header) {
    for (size_t i = 0; i < exceptions_.size(); ++i) {
      if (exceptions_[i].file == file && exceptions_[i].header == header) {
        used_[i] = true;
        return true;
      }
    }
    return false;
  }

  // Empty if `room` may include `header`.
  std::string WhyNot(const Room& room, const std::string& header) const {
    const Resolved resolved = Resolve(tree_, room.folder, header);
    if (const Library* library = std::get_if<Library>(&resolved)) {
      return Has(room.libraries, *library) ? "" : room.folder + " may not know " + std::string(NameOf(*library));
    }
    const std::string* path = std::get_if<std::string>(&resolved);
    if (path == nullptr) return "that is no file of this project and of no library that it knows";
    const std::string target = FolderOf(*path);
    if (target != room.folder && !Has(room.rooms, target)) return room.folder + " may not know " + target;
    if (room.only_through_clean_headers && target != room.folder) {
      std::set<std::string> seen;
      return WhyUnclean(room, *path, seen);
    }
    return "";
  }

  // Follows `path` through the project's headers to a library that `room` may not know.
  std::string WhyUnclean(const Room& room, const std::string& path, std::set<std::string>& seen) const {
    if (!seen.insert(path).second) return "";
    for (const Include& include : tree_.files().at(path)) {
      const Resolved resolved = Resolve(tree_, FolderOf(path), include.header);
      if (const Library* library = std::get_if<Library>(&resolved); library != nullptr && !Has(room.libraries, *library)) {
        return room.folder + " may not know " + std::string(NameOf(*library)) + ", which " + path + " includes";
      }
      if (const std::string* next = std::get_if<std::string>(&resolved)) {
        std::string reason = WhyUnclean(room, *next, seen);
        if (!reason.empty()) return reason;
      }
    }
    return "";
  }

  const SourceTree& tree_;
  const std::vector<Room>& rooms_;
  const std::vector<Exception>& exceptions_;
  std::vector<bool> used_;
  std::vector<std::string> violations_;
};

}  // namespace

const std::vector<Room>& Rooms() {
  static const std::vector<Room> kRooms = {
      {.folder = "include/userclient",
       .libraries = {kStandard, kAbseil, kGeneratedMessages},
       .rooms = {"include/userclient/internal"}},
      // What the templates of the public headers need and no caller names.
      {.folder = "include/userclient/internal", .libraries = {kStandard, kAbseil, kGrpc}, .rooms = {"include/userclient"}},
      {.folder = "include/userclient/server",
       .libraries = {kStandard, kAbseil, kGeneratedMessages},
       .rooms = {"include/userclient"}},
      {.folder = "include/userclient/testing",
       .libraries = {kStandard, kAbseil, kGeneratedMessages},
       .rooms = {"include/userclient", "include/userclient/server"}},

      {.folder = "src/policy",
       .libraries = {kStandard, kAbseil},
       .rooms = {"include/userclient"},
       .only_through_clean_headers = true},
      {.folder = "src/config",
       .libraries = {kStandard, kPosix, kAbseil, kJson},
       .rooms = {"include/userclient"},
       .only_through_clean_headers = true},
      {.folder = "src/discovery",
       .libraries = {kStandard, kPosix, kAbseil, kCares},
       .rooms = {"include/userclient"},
       .only_through_clean_headers = true},
      {.folder = "src/tls", .libraries = {kStandard, kPosix, kAbseil, kOpenssl}, .rooms = {}, .only_through_clean_headers = true},
      {.folder = "src/transport",
       .libraries = {kStandard, kPosix, kAbseil, kGrpc, kProtobuf, kGeneratedMessages, kGeneratedStubs, kCares},
       .rooms = {"include/userclient", "include/userclient/internal", "src/tls"}},
      {.folder = "src/diagnosis",
       .libraries = {kStandard, kPosix, kAbseil, kOpenssl},
       .rooms = {"include/userclient", "src/discovery", "src/tls", "src/transport"}},
      {.folder = "src/telemetry",
       .libraries = {kStandard, kPosix, kAbseil, kJson},
       .rooms = {"include/userclient"},
       .only_through_clean_headers = true},
      {.folder = "src/telemetry/prometheus",
       .libraries = {kStandard, kAbseil, kPrometheus},
       .rooms = {"include/userclient", "src/telemetry"}},
      {.folder = "src/telemetry/opentelemetry",
       .libraries = {kStandard, kAbseil, kOpenTelemetry},
       .rooms = {"include/userclient", "src/telemetry"}},
      {.folder = "src/call",
       .libraries = {kStandard, kAbseil, kGrpc, kProtobuf, kGeneratedMessages, kGeneratedStubs},
       .rooms = {"include/userclient", "include/userclient/internal", "src/policy", "src/config", "src/discovery", "src/tls",
                 "src/transport", "src/telemetry"}},
      {.folder = "src",
       .libraries = {kStandard, kAbseil, kGrpc, kProtobuf, kGeneratedMessages, kGeneratedStubs},
       .rooms = {"include/userclient", "include/userclient/internal", "src/call", "src/policy", "src/config", "src/transport",
                 "src/telemetry"}},
      {.folder = "src/server",
       .libraries = {kStandard, kPosix, kAbseil, kGrpc, kProtobuf, kGeneratedMessages, kGeneratedStubs, kJson, kSqlite, kOpenssl},
       .rooms = {"include/userclient", "include/userclient/server", "src/tls"}},
      {.folder = "src/testing",
       .libraries = {kStandard, kPosix, kAbseil, kGrpc, kProtobuf, kGeneratedMessages, kGeneratedStubs, kJson},
       .rooms = {"include/userclient", "include/userclient/server", "include/userclient/testing"}},

      // A sample shows what a caller can do, so it has what a caller has.
      {.folder = "samples/quickstart", .libraries = {kStandard, kAbseil, kGeneratedMessages}, .rooms = {"include/userclient"}},
      // Wraps a stub that is not userclient's, and serves it.
      {.folder = "samples/own_service",
       .libraries = {kStandard, kPosix, kAbseil, kGrpc, kGeneratedStubs},
       .rooms = {"include/userclient"}},
      // HTTP in, UserClient behind it.
      {.folder = "samples/profile_service",
       .libraries = {kStandard, kPosix, kAbseil, kGeneratedMessages, kJson, kCommandLine, kHttp},
       .rooms = {"include/userclient"}},
      {.folder = "samples/manual", .libraries = {kStandard, kAbseil, kCommandLine}, .rooms = {}},
      {.folder = "samples/userctl",
       .libraries = {kStandard, kPosix, kAbseil, kProtobuf, kGeneratedMessages, kJson, kCommandLine},
       .rooms = {"include/userclient", "samples/manual"}},
      {.folder = "samples/userctl/load",
       .libraries = {kStandard, kAbseil, kJson, kGeneratedMessages, kCommandLine},
       .rooms = {"include/userclient", "samples/userctl"}},
      // Runs the same load through a plain stub, for comparison.
      {.folder = "samples/demo",
       .libraries = {kStandard, kPosix, kAbseil, kGrpc, kGeneratedMessages, kGeneratedStubs, kCommandLine},
       .rooms = {"include/userclient"}},
      {.folder = "samples/user_server",
       .libraries = {kStandard, kPosix, kAbseil, kGeneratedMessages, kJson, kCommandLine},
       .rooms = {"include/userclient", "include/userclient/server", "samples/manual", "samples/profile_service"}},
  };
  return kRooms;
}

const std::vector<Exception>& Exceptions() {
  static const std::vector<Exception> kExceptions = {
      // It wraps generated stubs, and is included only by those who do.
      {"include/userclient/service_client.h", "grpcpp/client_context.h"},
      {"include/userclient/service_client.h", "grpcpp/generic/generic_stub.h"},
      {"include/userclient/service_client.h", "grpcpp/support/stub_options.h"},
      {"include/userclient/service_client.h", "grpcpp/support/status.h"},
      // It only declares types of OpenTelemetry, in the namespace of its version.
      {"include/userclient/opentelemetry.h", "opentelemetry/version.h"},
      // A header for those who have GoogleMock; the library itself does not need it.
      {"include/userclient/testing/mock_user_service.h", "gmock/gmock.h"},
  };
  return kExceptions;
}

std::vector<std::string> FindViolations(const SourceTree& tree, const std::vector<Room>& rooms,
                                        const std::vector<Exception>& exceptions) {
  return Checker(tree, rooms, exceptions).Run();
}

}  // namespace userclient::layering
