#include "userclient/testing/fault_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "testing/proxy_connection.h"
#include "testing/socket.h"

namespace userclient::testing {
namespace {

using internal::ErrnoText;
using internal::ProxyConnection;
using internal::Socket;
using internal::SocketAddress;
using TimePoint = std::chrono::steady_clock::time_point;

/// Of each socket. Little, so that a reader who is slow is felt by the writer.
constexpr int kSocketBuffer = 256 << 10;
/// Without a free descriptor nobody can be accepted, but somebody may close one.
constexpr std::chrono::milliseconds kAcceptPause{20};

/// Empty if the numbers can be.
std::string WhyNot(const char* direction, const WireFaults& faults) {
  using std::chrono::nanoseconds;
  if (faults.latency < nanoseconds(0)) return absl::StrCat(direction, ".latency must not be negative");
  if (faults.jitter < nanoseconds(0)) return absl::StrCat(direction, ".jitter must not be negative");
  if (faults.bytes_per_second && *faults.bytes_per_second < 1)
    return absl::StrCat(direction, ".bytes_per_second must be at least 1");
  if (faults.cut_after && *faults.cut_after < 1) return absl::StrCat(direction, ".cut_after must be at least 1");
  return "";
}

[[noreturn]] void Abort(const std::string& why) {
  std::fprintf(stderr, "FaultProxy: %s\n", why.c_str());
  std::abort();
}

absl::StatusOr<SocketAddress> ParseOption(const char* option, const std::string& text) {
  absl::StatusOr<SocketAddress> address = SocketAddress::Parse(text);
  if (address.ok()) return address;
  return absl::InvalidArgumentError(absl::StrCat("FaultProxyOptions.", option, ": ", std::string(address.status().message())));
}

absl::Status CannotListen(const SocketAddress& address, int error) {
  return absl::UnavailableError(
      absl::StrCat("FaultProxyOptions.listen_address: cannot listen on ", address.ToString(), ": ", ErrnoText(error)));
}

/// Bound with SO_REUSEADDR: a second socket of this kind can be bound to the same port.
absl::StatusOr<Socket> Bind(const SocketAddress& address) {
  Socket bound = Socket::Make(address.family());
  const int on = 1;
  if (!bound || setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(bound.get(), address.get(), address.size()) != 0) {
    return CannotListen(address, errno);
  }
  return bound;
}

absl::StatusOr<Socket> Listen(const SocketAddress& address) {
  absl::StatusOr<Socket> listener = Bind(address);
  if (!listener.ok()) return listener;
  // Those who are accepted inherit them.
  setsockopt(listener->get(), SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof(kSocketBuffer));
  setsockopt(listener->get(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof(kSocketBuffer));
  if (listen(listener->get(), SOMAXCONN) != 0) return CannotListen(address, errno);
  return listener;
}

}  // namespace

/// The thread owns the sockets and the connections. Others hand it what it is to do, and wait until that is done.
class FaultProxy::Impl {
 public:
  Impl(FaultProxyOptions options, const SocketAddress& upstream, Socket holder, Socket listener, const SocketAddress& address)
      : options_(std::move(options)),
        upstream_(upstream),
        address_(address),
        address_text_(address.ToString()),
        wake_up_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        holder_(std::move(holder)),
        listener_(std::move(listener)),
        thread_([this] { Run(); }) {}

  ~Impl() {
    Do([this] { stopping_ = true; });
    thread_.join();
  }

  const std::string& address() const { return address_text_; }
  int port() const { return address_.port(); }

  void Set(const ProxyFaults& faults) {
    for (const std::string& problem : {WhyNot("to_server", faults.to_server), WhyNot("to_client", faults.to_client)}) {
      if (!problem.empty()) Abort(absl::StrCat("ProxyFaults.", problem));
    }
    Do([this, &faults] {
      faults_ = faults;
      const bool listening = faults.new_connections != NewConnections::kRefuse;
      if (!listening) listener_.Close();
      if (listening && !listener_) ListenAgain();
      const TimePoint now = std::chrono::steady_clock::now();
      for (const auto& connection : connections_) connection->Set(faults, now);
    });
  }

  void ResetConnections() {
    Do([this] {
      for (const auto& connection : connections_) connection->Reset();
    });
  }

  ProxyCounts counts() const {
    absl::MutexLock lock(&mutex_);
    return published_;
  }

  bool Await(const std::function<bool(const ProxyCounts&)>& satisfied, std::chrono::nanoseconds limit) const {
    const TimePoint deadline = std::chrono::steady_clock::now() + limit;
    ProxyCounts seen = counts();
    while (!satisfied(seen)) {
      const absl::Duration left = absl::FromChrono(deadline - std::chrono::steady_clock::now());
      const auto changed = [this, &seen]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return published_ != seen; };
      absl::MutexLock lock(&mutex_);
      if (!mutex_.AwaitWithTimeout(absl::Condition(&changed), left)) return false;
      seen = published_;
    }
    return true;
  }

 private:
  /// Its place among what is polled.
  static constexpr size_t kListener = 1;

  struct Command {
    std::function<void()> action{};
    absl::Notification* done = nullptr;
  };

  /// Returns once the thread has done it, and the counts show it.
  void Do(std::function<void()> action) {
    absl::Notification done;
    {
      absl::MutexLock lock(&mutex_);
      commands_.push_back({.action = std::move(action), .done = &done});
    }
    eventfd_write(wake_up_.get(), 1);
    done.WaitForNotification();
  }

  void Run() {
    while (!stopping_) {
      Poll();
      std::vector<Command> commands = TakeCommands();
      for (const Command& command : commands) command.action();
      Accept();
      const TimePoint now = std::chrono::steady_clock::now();
      for (const auto& connection : connections_) {
        if (!connection->done()) connection->Serve(polled_, now);
      }
      std::erase_if(connections_, [](const auto& connection) { return connection->done(); });
      if (stopping_) connections_.clear();
      Publish();
      for (const Command& command : commands) command.done->Notify();
    }
  }

  void Poll() {
    const TimePoint now = std::chrono::steady_clock::now();
    std::optional<TimePoint> wake_up;
    if (accept_again_ > now) wake_up = accept_again_;
    const bool accepting = listener_ && !wake_up;
    polled_ = {{.fd = wake_up_.get(), .events = POLLIN, .revents = 0},
               {.fd = accepting ? listener_.get() : -1, .events = POLLIN, .revents = 0}};
    for (const auto& connection : connections_) {
      connection->AddTo(polled_, now);
      const std::optional<TimePoint> next = connection->NextEvent(now);
      if (next && (!wake_up || *next < *wake_up)) wake_up = next;
    }
    timespec limit = {};
    if (wake_up) {
      const auto left = std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(*wake_up - now));
      limit = {.tv_sec = static_cast<time_t>(left / std::chrono::seconds(1)),
               .tv_nsec = static_cast<decltype(timespec::tv_nsec)>((left % std::chrono::seconds(1)).count())};
    }
    ppoll(polled_.data(), polled_.size(), wake_up ? &limit : nullptr, nullptr);
  }

  std::vector<Command> TakeCommands() {
    eventfd_t taken = 0;
    eventfd_read(wake_up_.get(), &taken);
    absl::MutexLock lock(&mutex_);
    return std::exchange(commands_, {});
  }

  void Accept() {
    while (listener_ && polled_[kListener].revents != 0) {
      Socket client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!client) {
        if (errno == EAGAIN) return;
        // Of those who have left before they were accepted there may be more.
        if (errno == ECONNABORTED || errno == EINTR) continue;
        accept_again_ = std::chrono::steady_clock::now() + kAcceptPause;
        return;
      }
      const auto number = static_cast<uint64_t>(++counts_.accepted);
      if (faults_.new_connections == NewConnections::kReset) {
        client.Reset();
        ++counts_.reset;
        continue;
      }
      connections_.push_back(
          std::make_unique<ProxyConnection>(ProxyConnection::Options{.client = std::move(client),
                                                                     .upstream = upstream_,
                                                                     .seed = options_.seed * 1'000'003 + number,
                                                                     .buffer_bytes = options_.buffer_bytes,
                                                                     .socket_buffer = kSocketBuffer},
                                            faults_, counts_, std::chrono::steady_clock::now()));
    }
  }

  void ListenAgain() {
    absl::StatusOr<Socket> listener = Listen(address_);
    if (!listener.ok()) Abort(std::string(listener.status().message()));
    listener_ = *std::move(listener);
  }

  void Publish() {
    absl::MutexLock lock(&mutex_);
    published_ = counts_;
  }

  const FaultProxyOptions options_;
  const SocketAddress upstream_;
  const SocketAddress address_;
  const std::string address_text_;
  const Socket wake_up_;
  /// Bound and not listening: keeps the port while nobody listens on it.
  const Socket holder_;

  mutable absl::Mutex mutex_;
  std::vector<Command> commands_ ABSL_GUARDED_BY(mutex_);
  ProxyCounts published_ ABSL_GUARDED_BY(mutex_);

  // The thread's own.
  Socket listener_;
  ProxyFaults faults_;
  ProxyCounts counts_;
  std::vector<std::unique_ptr<ProxyConnection>> connections_;
  std::vector<pollfd> polled_;
  TimePoint accept_again_{};
  bool stopping_ = false;

  std::thread thread_;
};

ProxyFaults BothWays(const WireFaults& faults) { return {.to_server = faults, .to_client = faults}; }
ProxyFaults BlackHole() { return BothWays({.flow = Flow::kSwallow}); }
ProxyFaults HalfOpen() { return {.to_client = {.flow = Flow::kSwallow}}; }

absl::StatusOr<std::unique_ptr<FaultProxy>> FaultProxy::Start(FaultProxyOptions options) {
  const absl::StatusOr<SocketAddress> upstream = ParseOption("upstream", options.upstream);
  if (!upstream.ok()) return upstream.status();
  const absl::StatusOr<SocketAddress> wanted = ParseOption("listen_address", options.listen_address);
  if (!wanted.ok()) return wanted.status();
  if (upstream->port() == 0) return absl::InvalidArgumentError("FaultProxyOptions.upstream: needs a port, not 0");
  if (options.buffer_bytes < 1) return absl::InvalidArgumentError("FaultProxyOptions.buffer_bytes: must be at least 1");

  absl::StatusOr<Socket> holder = Bind(*wanted);
  if (!holder.ok()) return holder.status();
  const SocketAddress address = SocketAddress::Of(holder->get());
  absl::StatusOr<Socket> listener = Listen(address);
  if (!listener.ok()) return listener.status();
  return std::unique_ptr<FaultProxy>(
      new FaultProxy(std::make_unique<Impl>(std::move(options), *upstream, *std::move(holder), *std::move(listener), address)));
}

FaultProxy::FaultProxy(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FaultProxy::~FaultProxy() = default;

const std::string& FaultProxy::address() const { return impl_->address(); }
int FaultProxy::port() const { return impl_->port(); }

void FaultProxy::Set(const ProxyFaults& faults) { impl_->Set(faults); }
void FaultProxy::Heal() { impl_->Set({}); }
void FaultProxy::ResetConnections() { impl_->ResetConnections(); }

ProxyCounts FaultProxy::counts() const { return impl_->counts(); }
bool FaultProxy::Await(const std::function<bool(const ProxyCounts&)>& satisfied, std::chrono::nanoseconds limit) const {
  return impl_->Await(satisfied, limit);
}

}  // namespace userclient::testing
