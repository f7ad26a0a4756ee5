#include "discovery/dns_lookup.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "discovery/broken_pipes.h"

namespace userclient::internal {
namespace {

using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;
using Finding = FamilyAnswer::Finding;

// Before the same question is sent again; doubles with every round over the name servers.
constexpr std::chrono::milliseconds kFirstWait(1000);
constexpr int kTries = 3;

/// A descriptor that becomes readable once.
class Alarm {
 public:
  Alarm() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Alarm() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Negative if there is none.
  int descriptor() const { return descriptor_; }

  void Ring() const {
    const uint64_t one = 1;
    // It can only fail if it rings already.
    [[maybe_unused]] const ssize_t written = write(descriptor_, &one, sizeof(one));
  }

 private:
  const int descriptor_;
};

enum class Ending { kAnswered, kTimeOver, kStopped };

/// How c-ares answered for one family.
struct Reply {
  bool pending = true;
  int status = ARES_ETIMEOUT;
  std::vector<std::array<unsigned char, 16>> addresses{};
};

/// Both questions, put once, on a channel of its own.
class Round {
 public:
  Round(const DnsName& name, int flags, int tries) : name_(name) {
    static const int kLibrary = ares_library_init(ARES_LIB_INIT_ALL);
    init_status_ = kLibrary;
    if (init_status_ == ARES_SUCCESS) init_status_ = Init(flags, tries);
  }

  ~Round() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }

  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  Ending Run(Clock::time_point deadline, nanoseconds other_family_wait, const Alarm& stopped) {
    if (init_status_ != ARES_SUCCESS) {
      for (Reply* reply : {&ipv4_, &ipv6_}) *reply = {.pending = false, .status = init_status_};
      return Ending::kAnswered;
    }
    Ask(AF_INET6, ipv6_);
    Ask(AF_INET, ipv4_);
    while (ipv4_.pending || ipv6_.pending) {
      const Clock::time_point now = Clock::now();
      if (!ipv4_.addresses.empty() || !ipv6_.addresses.empty()) {
        if (!found_at_) found_at_ = now;
        if (other_family_wait < deadline - *found_at_) deadline = *found_at_ + other_family_wait;
      }
      if (now >= deadline) return Ending::kTimeOver;
      if (!Await(deadline - now, stopped)) return Ending::kStopped;
    }
    return Ending::kAnswered;
  }

  const Reply& ipv4() const { return ipv4_; }
  const Reply& ipv6() const { return ipv6_; }

 private:
  int Init(int flags, int tries) {
    ares_options options = {};
    options.flags = flags;
    options.timeout = static_cast<int>(kFirstWait.count());
    options.tries = tries;
    options.sock_state_cb = &OnSocketState;
    options.sock_state_cb_data = this;
    int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (name_.server) {
      options.udp_port = static_cast<uint16_t>(name_.server->port);
      options.tcp_port = options.udp_port;
      given |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
    }
    const int status = ares_init_options(&channel_, &options, given);
    if (status != ARES_SUCCESS || !name_.server) return status;
    // Without ports, which only newer releases read here: those of the options count.
    return ares_set_servers_csv(channel_, name_.server->address.c_str());
  }

  void Ask(int family, Reply& reply) {
    // As RFC 6761 has it, nobody is asked. c-ares would say the same, but c-ares 1.18 loses memory over it.
    if (name_.host == "localhost") {
      std::array<unsigned char, 16> loopback{};
      inet_pton(family, family == AF_INET6 ? "::1" : "127.0.0.1", loopback.data());
      reply = {.pending = false, .status = ARES_SUCCESS, .addresses = {loopback}};
      return;
    }
    ares_addrinfo_hints hints = {};
    hints.ai_family = family;
    hints.ai_flags = ARES_AI_NOSORT;
    ares_getaddrinfo(channel_, name_.host.c_str(), nullptr, &hints, &OnReply, &reply);
  }

  /// Lets c-ares do its work. False: a stop was requested.
  bool Await(nanoseconds limit, const Alarm& stopped) {
    std::vector<pollfd> descriptors = {{.fd = stopped.descriptor(), .events = POLLIN, .revents = 0}};
    for (const auto& [socket, events] : sockets_) descriptors.push_back({.fd = socket, .events = events, .revents = 0});
    const int ready = poll(descriptors.data(), descriptors.size(), WaitFor(limit));
    if (ready <= 0) {
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      return true;
    }
    if (descriptors.front().revents != 0) return false;
    for (auto descriptor = descriptors.begin() + 1; descriptor != descriptors.end(); ++descriptor) {
      const bool failed = (descriptor->revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
      const bool readable = failed || (descriptor->revents & POLLIN) != 0;
      const bool writable = failed || (descriptor->revents & POLLOUT) != 0;
      if (!readable && !writable) continue;
      ares_process_fd(channel_, readable ? descriptor->fd : ARES_SOCKET_BAD, writable ? descriptor->fd : ARES_SOCKET_BAD);
    }
    return true;
  }

  /// Milliseconds until c-ares wants to send again, at most until the limit.
  int WaitFor(nanoseconds limit) {
    const auto most = std::chrono::ceil<std::chrono::microseconds>(limit).count();
    timeval longest = {.tv_sec = most / 1'000'000, .tv_usec = most % 1'000'000};
    timeval room = {};
    const timeval* wait = ares_timeout(channel_, &longest, &room);
    return static_cast<int>(wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000);
  }

  static void OnSocketState(void* round, ares_socket_t socket, int readable, int writable) {
    auto& sockets = static_cast<Round*>(round)->sockets_;
    if (readable == 0 && writable == 0) {
      sockets.erase(socket);
    } else {
      sockets[socket] = static_cast<int16_t>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
    }
  }

  static void OnReply(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
    Reply& reply = *static_cast<Reply*>(argument);
    reply.pending = false;
    reply.status = status;
    if (info == nullptr) return;
    for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
      std::array<unsigned char, 16>& address = reply.addresses.emplace_back();
      if (node->ai_family == AF_INET6) {
        std::memcpy(address.data(), &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr, 16);
      } else {
        std::memcpy(address.data(), &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr, 4);
      }
    }
    ares_freeaddrinfo(info);
  }

  const DnsName& name_;
  int init_status_ = ARES_SUCCESS;
  ares_channel channel_ = nullptr;
  /// Those that c-ares wants to be polled, and for what.
  std::map<ares_socket_t, int16_t> sockets_;
  std::optional<Clock::time_point> found_at_;
  Reply ipv4_;
  Reply ipv6_;
};

/// Puts what c-ares found in words.
class Interpreter {
 public:
  /// `precise`: where c-ares says that no name server was reached, none was.
  Interpreter(const DnsName& name, nanoseconds timeout, bool precise)
      : host_(name.host),
        server_(name.server ? absl::StrCat("the name server ", HostPort(name.server->address, name.server->port))
                            : "the name server in /etc/resolv.conf"),
        timeout_(timeout),
        precise_(precise) {}

  FamilyAnswer Answer(int family, const Reply& reply, Ending ending) const {
    if (reply.pending) {
      return {.status = ending == Ending::kStopped ? absl::CancelledError(absl::StrCat("the lookup of ", host_, " was cancelled"))
                                                   : Silence()};
    }
    if (reply.status == ARES_SUCCESS && !reply.addresses.empty()) {
      return {.finding = Finding::kAddresses, .addresses = Texts(family, reply.addresses)};
    }
    return {.finding = FindingOf(reply.status), .status = StatusOf(reply.status)};
  }

 private:
  static std::vector<std::string> Texts(int family, std::vector<std::array<unsigned char, 16>> addresses) {
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    std::vector<std::string> texts;
    for (const std::array<unsigned char, 16>& address : addresses) {
      char text[INET6_ADDRSTRLEN] = "";
      inet_ntop(family, address.data(), text, sizeof(text));
      texts.emplace_back(text);
    }
    return texts;
  }

  static Finding FindingOf(int status) {
    switch (status) {
      case ARES_SUCCESS:
      case ARES_ENODATA:
        return Finding::kNoAddress;
      case ARES_ENOTFOUND:
        return Finding::kNoName;
      default:
        return Finding::kFailed;
    }
  }

  absl::Status StatusOf(int status) const {
    switch (status) {
      case ARES_SUCCESS:
      case ARES_ENODATA:
        return absl::NotFoundError(absl::StrCat(host_, " exists, but has no address, says ", server_,
                                                " (an empty answer); is any server behind it up and ready?"));
      case ARES_ENOTFOUND:
        return absl::NotFoundError(absl::StrCat(host_, " does not exist, says ", server_,
                                                " (NXDOMAIN); check the spelling, and whether the service has been created"));
      case ARES_ESERVFAIL:
        return absl::UnavailableError(absl::StrCat(server_, " cannot find out the addresses of ", host_,
                                                   " (SERVFAIL); look at its log, and at the servers that it asks in turn"));
      case ARES_EREFUSED:
        return absl::PermissionDeniedError(absl::StrCat(server_, " refuses to answer for ", host_,
                                                        " (REFUSED); does it serve this zone, and may this host ask it?"));
      case ARES_ENOTIMP:
      case ARES_EFORMERR:
      case ARES_EBADRESP:
        return absl::UnavailableError(
            absl::StrCat(server_, " gives no usable answer for ", host_, " (", ares_strerror(status), "); is it a name server?"));
      case ARES_ETIMEOUT:
        return Silence();
      case ARES_ECONNREFUSED:
        if (!precise_) {
          return absl::UnavailableError(absl::StrCat(server_, " cannot be reached, fails or refuses to answer for ", host_));
        }
        return absl::UnavailableError(absl::StrCat(server_, " cannot be reached to look up ", host_,
                                                   "; is it running, and are its address and port right?"));
      case ARES_EBADNAME:
      case ARES_EBADSTR:
        return absl::InvalidArgumentError(absl::StrCat("\"", host_, "\" is no host name"));
      default:
        return absl::UnavailableError(absl::StrCat(host_, " could not be looked up: ", ares_strerror(status)));
    }
  }

  absl::Status Silence() const {
    return absl::DeadlineExceededError(
        absl::StrFormat("%s did not answer for %s within %gs; is it running, and do packets to and from it get through?", server_,
                        host_, std::chrono::duration<double>(timeout_).count()));
  }

  const std::string host_;
  const std::string server_;
  const nanoseconds timeout_;
  const bool precise_;
};

FamilyAnswer Failed(const absl::Status& status) { return {.status = status}; }

}  // namespace

absl::Status DnsAnswer::status() const {
  // Whether a name exists holds for both families, while a failure leaves open what an empty answer in the other one denies.
  for (const Finding finding : {Finding::kAddresses, Finding::kNoName, Finding::kFailed}) {
    for (const FamilyAnswer* answer : {&ipv4, &ipv6}) {
      if (answer->finding == finding) return answer->status;
    }
  }
  return ipv4.status;
}

DnsAnswer LookUp(const DnsName& name, const DnsLookupOptions& options, const std::stop_token& stop) {
  IgnoreBrokenPipes();
  const Alarm stopped;
  if (stopped.descriptor() < 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, absl::StrCat("cannot look up ", name.host));
    return {.ipv4 = Failed(status), .ipv6 = Failed(status)};
  }
  const std::stop_callback ring(stop, [&stopped] { stopped.Ring(); });
  const Clock::time_point now = Clock::now();
  const Clock::time_point deadline = now + std::min<nanoseconds>(options.timeout, Clock::time_point::max() - now);
  bool unreachable = false;
  const auto ask = [&](int flags, int tries) {
    Round round(name, flags, tries);
    const Ending ending = round.Run(deadline, options.other_family_wait, stopped);
    unreachable =
        ending == Ending::kAnswered && (round.ipv4().status == ARES_ECONNREFUSED || round.ipv6().status == ARES_ECONNREFUSED);
    const Interpreter interpreter(name, options.timeout, /*precise=*/(flags & ARES_FLAG_NOCHECKRESP) != 0);
    return DnsAnswer{.ipv4 = interpreter.Answer(AF_INET, round.ipv4(), ending),
                     .ipv6 = interpreter.Answer(AF_INET6, round.ipv6(), ending)};
  };

  DnsAnswer answer = ask(0, kTries);
  // Older releases of c-ares go on to the next name server when one fails or refuses, as they should, but say in the end only
  // that none was reached. Asked to take the first answer whatever it is, they give the reason.
  if (!answer.status().ok() && unreachable) answer = ask(ARES_FLAG_NOCHECKRESP, 1);
  return answer;
}

}  // namespace userclient::internal
