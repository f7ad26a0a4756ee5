#pragma once

/// Who may include whom: the picture of the rooms, as a table that a test holds against the sources.
///
///   samples ─► include/userclient ◄─ src/user_client.cc ─► src/call ─┬─► src/policy      std and Abseil only
///                                                                    ├─► src/config      JSON
///                                                                    ├─► src/transport   gRPC
///                                                                    └─► src/telemetry
///   src/discovery    c-ares
///   src/tls          OpenSSL, for src/transport, src/diagnosis and src/server
///   policy and transport are strangers; server and testing know the client by its public headers only.

#include <string>
#include <vector>

#include "tests/layering/source_tree.h"

namespace userclient::layering {

/// A library that code of this project may include, or not.
enum class Library {
  kStandard,
  kPosix,
  kAbseil,
  kGrpc,
  kProtobuf,
  kGeneratedMessages,  // *.pb.h
  kGeneratedStubs,     // *.grpc.pb.h, and the mocks of these
  kJson,
  kCommandLine,
  kCares,
  kSqlite,
  kOpenssl,
  kPrometheus,
  kOpenTelemetry,
  kHttp,
  kTestFramework,
};

/// A folder of sources and what it may include besides itself.
struct Room {
  std::string folder{};
  std::vector<Library> libraries{};
  /// Folders of the project.
  std::vector<std::string> rooms{};
  /// Its public headers must not lead to any other library either, through however many headers.
  bool only_through_clean_headers = false;
};

/// One include that a rule forbids and that is wanted all the same.
struct Exception {
  std::string file{};
  std::string header{};
};

/// The rooms of the project.
const std::vector<Room>& Rooms();

/// Exceptions for the project as it is. Every entry says why it is there.
const std::vector<Exception>& Exceptions();

/// One line for each include that breaks a rule, for each folder that is no room, and for each exception that nothing needs any
/// more.
std::vector<std::string> FindViolations(const SourceTree& tree, const std::vector<Room>& rooms,
                                        const std::vector<Exception>& exceptions);

}  // namespace userclient::layering
