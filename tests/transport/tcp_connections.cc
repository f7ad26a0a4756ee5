#include "tests/transport/tcp_connections.h"

#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace userclient::testing {
namespace {

constexpr char kEstablished[] = "01";

int ConnectionsIn(const char* table, int port) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // The heading.
  int connections = 0;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state;
    fields >> number >> local >> remote >> state;
    // ADDRESS:PORT in hexadecimal. The client's end has the server's port on the remote side.
    if (state == kEstablished && std::stoi(remote.substr(remote.rfind(':') + 1), nullptr, 16) == port) ++connections;
  }
  return connections;
}

}  // namespace

int ConnectionsTo(int port) { return ConnectionsIn("/proc/net/tcp", port) + ConnectionsIn("/proc/net/tcp6", port); }

bool Eventually(const std::function<bool()>& condition, std::chrono::nanoseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace userclient::testing
