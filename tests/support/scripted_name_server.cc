#include "tests/support/scripted_name_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace userclient::testing {
namespace {

using Clock = std::chrono::steady_clock;
using Way = DnsReply::Way;

constexpr size_t kHeaderSize = 12;
constexpr size_t kLargestUdp = 512;
constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeAaaa = 28;
constexpr int kNotImplemented = 4;

struct Question {
  std::string name{};
  uint16_t type = 0;
  /// The bytes of the question, to be sent back.
  std::string bytes{};
};

std::string BigEndian(uint16_t number) { return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)}; }

std::optional<Question> ParseQuestion(const std::string& query) {
  Question question;
  size_t at = kHeaderSize;
  while (at < query.size() && query[at] != 0) {
    const auto length = static_cast<unsigned char>(query[at]);
    if (!question.name.empty()) question.name += '.';
    question.name += query.substr(at + 1, length);
    at += length + 1;
  }
  const size_t end = at + 5;  // The root label, type and class.
  if (end > query.size()) return std::nullopt;
  question.type =
      static_cast<uint16_t>(static_cast<unsigned char>(query[at + 1]) << 8 | static_cast<unsigned char>(query[at + 2]));
  question.bytes = query.substr(kHeaderSize, end - kHeaderSize);
  return question;
}

std::string Records(const Question& question, const std::vector<std::string>& addresses) {
  std::string records;
  for (const std::string& text : addresses) {
    std::array<char, 16> address{};
    const int family = question.type == kTypeA ? AF_INET : AF_INET6;
    const uint16_t size = question.type == kTypeA ? 4 : 16;
    if (inet_pton(family, text.c_str(), address.data()) != 1) {
      std::fprintf(stderr, "%s is no address of the family that was asked for\n", text.c_str());
      std::abort();
    }
    // The name of the question, type, class IN, a second to live, size, address.
    records += "\xc0\x0c" + BigEndian(question.type) + BigEndian(1) + BigEndian(0) + BigEndian(1) + BigEndian(size);
    records.append(address.data(), size);
  }
  return records;
}

/// `query` gives the id.
std::string Message(const std::string& query, const Question& question, const std::vector<std::string>& addresses, int rcode,
                    bool truncated) {
  constexpr uint16_t kAuthoritativeResponse = 0x8400;
  constexpr uint16_t kTruncated = 0x0200;
  constexpr uint16_t kRecursionBothSides = 0x0180;
  const auto flags =
      static_cast<uint16_t>(kAuthoritativeResponse | kRecursionBothSides | (truncated ? kTruncated : 0) | (rcode & 0xf));
  const auto count = static_cast<uint16_t>(truncated ? 0 : addresses.size());
  return query.substr(0, 2) + BigEndian(flags) + BigEndian(1) + BigEndian(count) + BigEndian(0) + BigEndian(0) + question.bytes +
         (truncated ? "" : Records(question, addresses));
}

/// False: the peer is gone or too slow.
bool ReadExactly(int socket, char* data, size_t size) {
  while (size > 0) {
    const ssize_t got = recv(socket, data, size, 0);
    if (got <= 0) return false;
    data += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

struct SocketAddress {
  SocketAddress(const std::string& address, int port) {
    if (address.find(':') == std::string::npos) {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_family = AF_INET;
      v4->sin_port = htons(static_cast<uint16_t>(port));
      inet_pton(AF_INET, address.c_str(), &v4->sin_addr);
      size = sizeof(sockaddr_in);
    } else {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(static_cast<uint16_t>(port));
      inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr);
      size = sizeof(sockaddr_in6);
    }
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage{};
  socklen_t size = 0;
};

int PortOf(int socket) {
  sockaddr_in6 address{};  // The port is at the same place for both families.
  socklen_t size = sizeof(address);
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin6_port);
}

void Close(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

}  // namespace

struct ScriptedNameServer::Delayed {
  Clock::time_point due{};
  std::string bytes{};
  sockaddr_storage peer{};
  socklen_t peer_size = 0;
};

ScriptedNameServer::ScriptedNameServer(std::string address, int port)
    : address_(std::move(address)), port_(port), wake_up_(eventfd(0, EFD_CLOEXEC)) {
  // The port that UDP gets may be taken for TCP.
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (Bind()) {
      Start();
      return;
    }
  }
  std::fprintf(stderr, "no port for a name server at %s\n", address_.c_str());
  std::abort();
}

ScriptedNameServer::~ScriptedNameServer() {
  Die();
  Close(wake_up_);
}

std::string ScriptedNameServer::authority() const {
  return (address_.find(':') == std::string::npos ? address_ : "[" + address_ + "]") + ":" + std::to_string(port_);
}

void ScriptedNameServer::Set(const std::string& name, DnsFamily family, DnsReply reply) {
  const std::lock_guard lock(mutex_);
  replies_[{name, family}] = std::move(reply);
}

void ScriptedNameServer::Set(const std::string& name, DnsReply ipv4, DnsReply ipv6) {
  const std::lock_guard lock(mutex_);
  replies_[{name, DnsFamily::kIpv4}] = std::move(ipv4);
  replies_[{name, DnsFamily::kIpv6}] = std::move(ipv6);
}

void ScriptedNameServer::Die() {
  if (!thread_.joinable()) return;
  eventfd_write(wake_up_, 1);
  thread_.join();
  eventfd_t taken = 0;
  eventfd_read(wake_up_, &taken);
  Close(udp_);
  Close(tcp_);
}

void ScriptedNameServer::Return() {
  // Somebody may just be using the port for a moment.
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (!Bind()) {
    if (Clock::now() < deadline) continue;
    std::fprintf(stderr, "port %d is taken\n", port_);
    std::abort();
  }
  Start();
}

int ScriptedNameServer::queries(const std::string& name, DnsFamily family) const {
  const std::lock_guard lock(mutex_);
  const auto found = queries_.find({name, family});
  return found == queries_.end() ? 0 : found->second;
}

int ScriptedNameServer::tcp_queries() const {
  const std::lock_guard lock(mutex_);
  return tcp_queries_;
}

bool ScriptedNameServer::Bind() {
  const SocketAddress wanted(address_, port_);
  udp_ = socket(wanted.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  tcp_ = socket(wanted.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(tcp_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (bind(udp_, wanted.get(), wanted.size) == 0) {
    const int port = PortOf(udp_);
    const SocketAddress same(address_, port);
    if (bind(tcp_, same.get(), same.size) == 0 && listen(tcp_, 64) == 0) {
      port_ = port;
      return true;
    }
  }
  Close(udp_);
  Close(tcp_);
  return false;
}

void ScriptedNameServer::Start() {
  thread_ = std::thread([this] { Serve(); });
}

void ScriptedNameServer::Serve() {
  std::vector<Delayed> delayed;
  while (true) {
    int wait = -1;
    const Clock::time_point now = Clock::now();
    for (auto answer = delayed.begin(); answer != delayed.end();) {
      if (answer->due <= now) {
        sendto(udp_, answer->bytes.data(), answer->bytes.size(), 0, reinterpret_cast<const sockaddr*>(&answer->peer),
               answer->peer_size);
        answer = delayed.erase(answer);
      } else {
        const int left = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(answer->due - now).count());
        wait = wait < 0 ? left : std::min(wait, left);
        ++answer;
      }
    }
    std::array<pollfd, 3> sockets = {{{.fd = wake_up_, .events = POLLIN, .revents = 0},
                                      {.fd = udp_, .events = POLLIN, .revents = 0},
                                      {.fd = tcp_, .events = POLLIN, .revents = 0}}};
    poll(sockets.data(), sockets.size(), wait);
    if (sockets[0].revents != 0) return;
    if (sockets[1].revents != 0) ServeUdp(delayed);
    if (sockets[2].revents != 0) ServeTcp();
  }
}

void ScriptedNameServer::ServeUdp(std::vector<Delayed>& delayed) {
  std::array<char, 4096> buffer{};
  Delayed answer{.peer_size = sizeof(sockaddr_storage)};
  const ssize_t size =
      recvfrom(udp_, buffer.data(), buffer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&answer.peer), &answer.peer_size);
  if (size <= 0) return;
  auto [bytes, delay] = Respond(std::string(buffer.data(), static_cast<size_t>(size)), /*tcp=*/false);
  if (bytes.empty()) return;
  answer.bytes = std::move(bytes);
  answer.due = Clock::now() + delay;
  delayed.push_back(std::move(answer));
}

void ScriptedNameServer::ServeTcp() {
  int peer = accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC);
  if (peer < 0) return;
  if (resets_) {
    // First the end, then the reset: whoever writes thereafter gets EPIPE.
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    shutdown(peer, SHUT_WR);
    return Close(peer);
  }
  const timeval limit = {.tv_sec = 5, .tv_usec = 0};
  setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  // One question a connection, as a server may do.
  std::array<unsigned char, 2> prefix{};
  if (ReadExactly(peer, reinterpret_cast<char*>(prefix.data()), prefix.size())) {
    std::string query(static_cast<size_t>(prefix[0] << 8 | prefix[1]), '\0');
    if (ReadExactly(peer, query.data(), query.size())) {
      const std::string bytes = Respond(query, /*tcp=*/true).first;
      const std::string framed = BigEndian(static_cast<uint16_t>(bytes.size())) + bytes;
      if (!bytes.empty()) send(peer, framed.data(), framed.size(), MSG_NOSIGNAL);
    }
  }
  Close(peer);
}

DnsReply ScriptedNameServer::ReplyTo(const std::string& name, DnsFamily family, bool tcp) {
  const std::lock_guard lock(mutex_);
  ++queries_[{name, family}];
  if (tcp) ++tcp_queries_;
  const auto reply = replies_.find({name, family});
  return reply == replies_.end() ? NxDomain() : reply->second;
}

std::pair<std::string, std::chrono::milliseconds> ScriptedNameServer::Respond(const std::string& query, bool tcp) {
  const std::optional<Question> question = ParseQuestion(query);
  if (!question) return {};
  if (question->type != kTypeA && question->type != kTypeAaaa) {
    return {Message(query, *question, {}, kNotImplemented, false), std::chrono::milliseconds(0)};
  }
  const DnsReply reply = ReplyTo(question->name, question->type == kTypeA ? DnsFamily::kIpv4 : DnsFamily::kIpv6, tcp);
  if (reply.way == Way::kSilence) return {};
  if (reply.way == Way::kGarbage) return {"no DNS message at all", reply.delay};

  std::string message = Message(query, *question, reply.addresses, reply.rcode, !tcp && reply.way == Way::kTruncated);
  if (!tcp && message.size() > kLargestUdp) message = Message(query, *question, {}, reply.rcode, /*truncated=*/true);
  if (reply.way == Way::kWrongId) message[0] = static_cast<char>(message[0] ^ 0x55);
  return {message, reply.delay};
}

}  // namespace userclient::testing
