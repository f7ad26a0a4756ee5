#include "tests/support/dnsmasq.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>

namespace userclient::testing {
namespace {

constexpr char kProgram[] = "/usr/sbin/dnsmasq";
constexpr char kZone[] = "cluster.test";

int NewSocket(int type) { return socket(AF_INET, type | SOCK_CLOEXEC, 0); }

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A socket at a port that nobody else uses.
int BoundSocket(int& port) {
  const int descriptor = NewSocket(SOCK_DGRAM);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(descriptor, reinterpret_cast<sockaddr*>(&address), size), 0);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return descriptor;
}

/// Asks a name server whether it is there.
class Probe {
 public:
  explicit Probe(int port) {
    // At the very port that the name server is to get it would talk to itself, and be in the way.
    int own_port = 0;
    for (socket_ = BoundSocket(own_port); own_port == port; socket_ = BoundSocket(own_port)) close(socket_);
    const timeval limit = {.tv_sec = 0, .tv_usec = 100'000};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    const sockaddr_in address = Loopback(port);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Probe() { close(socket_); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  bool IsAnswered() const {
    // Header with id 1 and one question: the address of "x", class IN.
    constexpr std::array<char, 19> kQuestion = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'x', 0, 0, 1, 0, 1};
    std::array<char, 512> answer{};
    return send(socket_, kQuestion.data(), kQuestion.size(), 0) > 0 && recv(socket_, answer.data(), answer.size(), 0) > 0;
  }

 private:
  int socket_ = -1;
};

int FreePort() {
  int port = 0;
  close(BoundSocket(port));
  return port;
}

}  // namespace

bool Dnsmasq::Installed() { return std::filesystem::exists(kProgram); }

Dnsmasq::Dnsmasq(std::string_view records) {
  directory_.Write("records", records);
  // Another test may take the port first.
  constexpr int kTries = 10;
  for (int tries = 1; tries < kTries; ++tries) {
    port_ = FreePort();
    if (Start()) return;
  }
  port_ = FreePort();
  Return();
}

std::string Dnsmasq::authority() const { return "127.0.0.1:" + std::to_string(port_); }

void Dnsmasq::Set(std::string_view records) {
  directory_.Write("records", records);
  if (program_ != nullptr) program_->Signal(SIGHUP);
}

void Dnsmasq::Die() { program_.reset(); }

void Dnsmasq::Return() {
  // Somebody may just be using the port for a moment: who asks a name server has one, too.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!Start()) {
    if (std::chrono::steady_clock::now() < deadline) continue;
    ADD_FAILURE() << "dnsmasq does not answer: " << (program_->Signal(SIGTERM), program_->Wait().err);
    return;
  }
}

bool Dnsmasq::Start() {
  const Probe probe(port_);
  // It would give up its rights, and then not be able to read a file that is ours.
  const passwd* const self = getpwuid(geteuid());
  const std::string user = self == nullptr ? "root" : self->pw_name;
  program_ = std::make_unique<Program>(std::vector<std::string>{
      kProgram, "--no-daemon", "--log-facility=-", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=" + user,
      "--pid-file", "--addn-hosts=" + (directory_ / "records").string(), std::string("--local=/") + kZone + "/",
      "--port=" + std::to_string(port_), "--listen-address=127.0.0.1", "--bind-interfaces"});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < deadline) {
    if (probe.IsAnswered()) return true;
    if (program_->HasEnded()) return false;
  }
  return false;
}

}  // namespace userclient::testing
