#include "userclient/testing/fault_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
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
#include <system_error>
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
/// How long connecting to the own port may take. It takes no time.
constexpr int kFillMilliseconds = 100;
/// Of what is received at once from one connection.
constexpr size_t kScratchBytes = size_t{64} << 10;

/// Empty if the numbers can be.
std::string WhyNot(const char* direction, const WireFaults& faults) {
  using std::chrono::nanoseconds;
  if (faults.latency < nanoseconds(0)) return absl::StrCat(direction, ".latency must not be negative");
  if (faults.jitter < nanoseconds(0)) return absl::StrCat(direction, ".jitter must not be negative");
  if (faults.bytes_per_second && *faults.bytes_per_second < 1)
    return absl::StrCat(direction, ".bytes_per_second must be at least 1");
  if (faults.cut_after && *faults.cut_after < 1) return absl::StrCat(direction, ".cut_after must be at least 1");
  if (faults.cut != Cut::kReset && !faults.cut_after) return absl::StrCat(direction, ".cut needs cut_after");
  if (faults.corrupt_after && *faults.corrupt_after < 0) return absl::StrCat(direction, ".corrupt_after must not be negative");
  return "";
}

std::string WhyNot(const ProxyFaults& faults, Connections which) {
  if (std::string problem = WhyNot("to_server", faults.to_server); !problem.empty()) return problem;
  if (std::string problem = WhyNot("to_client", faults.to_client); !problem.empty()) return problem;
  if (which == Connections::kExisting && faults.new_connections != NewConnections::kAccept)
    return "new_connections is not for connections that exist";
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

absl::Status NothingLeft(const std::string& what, const std::string& why) {
  return absl::ResourceExhaustedError(absl::StrCat("FaultProxy: there is no ", what, " left for it: ", why));
}

absl::Status CannotListen(const SocketAddress& address, int error) {
  if (error == EMFILE || error == ENFILE) return NothingLeft("descriptor", ErrnoText(error));
  return absl::UnavailableError(
      absl::StrCat("FaultProxyOptions.listen_address: cannot listen on ", address.ToString(), ": ", ErrnoText(error)));
}

absl::StatusOr<Socket> Bind(const SocketAddress& address) {
  Socket bound = Socket::Bind(address);
  if (!bound) return CannotListen(address, errno);
  return bound;
}

/// How many may wait to be accepted; absent: nobody listens.
std::optional<int> Backlog(NewConnections how) {
  switch (how) {
    case NewConnections::kRefuse:
      return std::nullopt;
    case NewConnections::kHang:
      return 0;
    case NewConnections::kAccept:
    case NewConnections::kReset:
      break;
  }
  return SOMAXCONN;
}

}  // namespace

/// The thread owns the sockets and the connections. Others hand it what it is to do, and wait until that is done.
class FaultProxy::Impl {
 public:
  /// All that it will ever need, so that changing the faults cannot fail. The listener is bound.
  struct Sockets {
    Socket listener{};
    Socket filler{};
    Socket wake_up{};
  };

  Impl(FaultProxyOptions options, const SocketAddress& upstream, Sockets sockets, const SocketAddress& address)
      : options_(std::move(options)),
        upstream_(upstream),
        address_(address),
        address_text_(address.ToString()),
        wake_up_(std::move(sockets.wake_up)),
        filler_(std::move(sockets.filler)),
        listener_(std::move(sockets.listener)) {}

  ~Impl() {
    if (!thread_.joinable()) return;
    Do([this] { stopping_ = true; });
    thread_.join();
  }

  absl::Status Start() {
    if (listen(listener_.get(), SOMAXCONN) != 0) return CannotListen(address_, errno);
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error& error) {
      return NothingLeft("thread", error.what());
    }
    return absl::OkStatus();
  }

  const std::string& address() const { return address_text_; }
  int port() const { return address_.port(); }

  void Set(const ProxyFaults& faults, Connections which) {
    if (const std::string problem = WhyNot(faults, which); !problem.empty()) Abort(absl::StrCat("ProxyFaults.", problem));
    Do([this, &faults, which] {
      if (which != Connections::kExisting) {
        Receive(faults.new_connections);
        faults_ = faults;
      }
      if (which == Connections::kNew) return;
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
    const TimePoint now = std::chrono::steady_clock::now();
    const TimePoint deadline = now + std::min<std::chrono::nanoseconds>(limit, TimePoint::max() - now);
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
      const std::vector<Command> commands = TakeCommands();
      // First: who had connected before a command came is one whom it finds.
      if (polled_[kListener].revents != 0 || !commands.empty()) Accept();
      for (const Command& command : commands) command.action();
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
    const bool accepting = Accepts() && !wake_up;
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
    while (Accepts()) {
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
                                                                     .socket_buffer = kSocketBuffer,
                                                                     .scratch = scratch_},
                                            faults_, counts_, std::chrono::steady_clock::now()));
    }
  }

  bool Accepts() const { return Backlog(faults_.new_connections).value_or(0) > 0; }

  /// Those who connect from now on. Linux lets a socket listen, stop listening and listen again, and it keeps its port meanwhile.
  void Receive(NewConnections how) {
    const std::optional<int> backlog = Backlog(how);
    if (backlog == Backlog(faults_.new_connections)) return;
    if (Backlog(faults_.new_connections)) shutdown(listener_.get(), SHUT_RDWR);
    const sockaddr nobody = {.sa_family = AF_UNSPEC, .sa_data = {}};
    static_cast<void>(connect(filler_.get(), &nobody, sizeof(nobody)));
    if (!backlog) return;
    if (listen(listener_.get(), *backlog) != 0) Abort(std::string(CannotListen(address_, errno).message()));
    if (*backlog == 0) FillTheQueue();
  }

  /// One connection is one too many for a queue of none, and to whoever comes next the kernel says nothing.
  void FillTheQueue() {
    static_cast<void>(connect(filler_.get(), address_.get(), address_.size()));
    pollfd connected = {.fd = filler_.get(), .events = POLLOUT, .revents = 0};
    poll(&connected, 1, kFillMilliseconds);
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

  mutable absl::Mutex mutex_;
  std::vector<Command> commands_ ABSL_GUARDED_BY(mutex_);
  ProxyCounts published_ ABSL_GUARDED_BY(mutex_);

  // The thread's own.
  const Socket filler_;
  const Socket listener_;
  ProxyFaults faults_;
  ProxyCounts counts_;
  std::vector<std::unique_ptr<ProxyConnection>> connections_;
  std::vector<pollfd> polled_;
  std::vector<char> scratch_ = std::vector<char>(kScratchBytes);
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

  // Bound to a port that was asked for by its number, the listener keeps it when it does not listen.
  const absl::StatusOr<Socket> holder = Bind(*wanted);
  if (!holder.ok()) return holder.status();
  const SocketAddress address = SocketAddress::Of(holder->get());
  absl::StatusOr<Socket> listener = Bind(address);
  if (!listener.ok()) return listener.status();
  // Those who are accepted inherit them.
  setsockopt(listener->get(), SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof(kSocketBuffer));
  setsockopt(listener->get(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof(kSocketBuffer));
  Impl::Sockets sockets = {.listener = *std::move(listener),
                           .filler = Socket::Make(address.family()),
                           .wake_up = Socket(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))};
  if (!sockets.filler || !sockets.wake_up) return NothingLeft("descriptor", ErrnoText(errno));
  auto impl = std::make_unique<Impl>(std::move(options), *upstream, std::move(sockets), address);
  if (absl::Status started = impl->Start(); !started.ok()) return started;
  return std::unique_ptr<FaultProxy>(new FaultProxy(std::move(impl)));
}

FaultProxy::FaultProxy(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FaultProxy::~FaultProxy() = default;

const std::string& FaultProxy::address() const { return impl_->address(); }
int FaultProxy::port() const { return impl_->port(); }

void FaultProxy::Set(const ProxyFaults& faults, Connections which) { impl_->Set(faults, which); }
void FaultProxy::Heal() { impl_->Set({}, Connections::kAll); }
void FaultProxy::ResetConnections() { impl_->ResetConnections(); }

ProxyCounts FaultProxy::counts() const { return impl_->counts(); }
bool FaultProxy::Await(const std::function<bool(const ProxyCounts&)>& satisfied, std::chrono::nanoseconds limit) const {
  return impl_->Await(satisfied, limit);
}

}  // namespace userclient::testing
