#pragma once

/// A TCP proxy in front of one server: the network between the two, as bad as the test says, and changeable while connections
/// live.
///
///   client ── to_server ──► FaultProxy ── to_server ──► upstream
///          ◄── to_client ──            ◄── to_client ──
///
///   absl::StatusOr<std::unique_ptr<FaultProxy>> proxy = FaultProxy::Start({.upstream = server->address()});
///   ... call (*proxy)->address() ...
///   (*proxy)->Set(BothWays({.latency = 50ms, .jitter = 10ms}));
///   (*proxy)->Set({.to_client = {.bytes_per_second = 20'000}});
///   (*proxy)->Set({.to_client = {.cut_after = 1'000}});
///   (*proxy)->Set({.new_connections = NewConnections::kRefuse});
///   (*proxy)->Set(BlackHole());
///   (*proxy)->Set(BothWays({.flow = Flow::kHold}), Connections::kExisting);
///   (*proxy)->ResetConnections();
///   (*proxy)->Heal();
///
/// It knows TCP alone: what goes over it may be gRPC, TLS or anything else. Connecting is answered by the kernel, so latency and
/// the other faults of a wire begin behind it; how connecting itself fails says NewConnections.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace userclient::testing {

/// Whether what is sent comes through.
enum class Flow {
  kPass,
  /// Nothing is lost and nothing moves, not even an end, as when a cable is pulled for a while: it goes on where it was with the
  /// next kPass.
  kHold,
  /// Taken from the sender and thrown away, ends too. A connection that has lost bytes cannot go on: it is reset when this is
  /// over.
  kSwallow,
};

/// How a connection ends in the midst of its bytes.
enum class Cut {
  /// RST, as when a server dies. What is on its way is lost.
  kReset,
  /// FIN, as when a server or a load balancer closes it in good order. What is on its way and what the sides still send is
  /// swallowed, until they have ended too; so long it is open.
  kClose,
};

/// What happens to the bytes in one direction.
struct WireFaults {
  /// Everything, the end too, comes so much later. The flow is as broad as before: what is sent meanwhile is on its way as well.
  std::chrono::nanoseconds latency{};
  /// And up to so much more, different for every piece. Pieces do not overtake one another.
  std::chrono::nanoseconds jitter{};
  /// At least 1, for each connection, evened out over 10 ms. The sender feels it: what does not fit is not taken from him.
  std::optional<int64_t> bytes_per_second{};
  /// At least 1. A connection is cut, for both sides, once so many bytes have been passed on, counted from Set, or from its
  /// beginning if that is later.
  std::optional<int64_t> cut_after{};
  /// Only with cut_after.
  Cut cut = Cut::kReset;
  /// At least 0, counted like cut_after. Every byte behind so many comes with all its bits inverted. The connection goes on; what
  /// its receiver makes of that is his.
  std::optional<int64_t> corrupt_after{};
  Flow flow = Flow::kPass;
  /// The end, FIN or RST, is not passed on, so that the other side believes in a connection that is gone; bytes are. It is passed
  /// on once this is over.
  bool lose_end = false;
};

/// What becomes of those who connect from now on.
enum class NewConnections {
  kAccept,
  /// Nobody listens: connecting fails at once. The port stays the proxy's own.
  kRefuse,
  /// Accepted, and reset at once.
  kReset,
  /// Connecting hangs, as when packets are lost: nobody says yes or no. Who still waits when this is over comes through once his
  /// kernel asks again: that is 1 s, 3 s, 7 s, ... after it first did.
  kHang,
};

/// Whom faults are for.
enum class Connections {
  kAll,
  /// Those that exist now. What becomes of new ones stays as it is.
  kExisting,
  /// Those who connect from now on. What happens to those that exist stays as it is.
  kNew,
};

struct ProxyFaults {
  WireFaults to_server{};
  WireFaults to_client{};
  NewConnections new_connections = NewConnections::kAccept;
};

/// The same in both directions.
ProxyFaults BothWays(const WireFaults& faults);
/// Everything is accepted and swallowed, connections that exist included. The server does not see new ones.
ProxyFaults BlackHole();
/// The server hears, and is not heard any more: neither its answers nor its end.
ProxyFaults HalfOpen();

struct FaultProxyOptions {
  /// IP_ADDRESS:PORT of the server; [IP_ADDRESS]:PORT for IPv6. It need not be there yet.
  std::string upstream{};
  /// IP_ADDRESS:PORT; port 0 takes a free one. Several proxies behind one name can take one port on 127.0.0.1, 127.0.0.2, ...
  std::string listen_address = "127.0.0.1:0";
  /// How many bytes of one connection may be on their way in one direction, at least 1. It bounds the flow at a latency: 8 MiB at
  /// 100 ms are 80 MiB/s.
  size_t buffer_bytes = size_t{8} << 20;
  /// Of the jitter: the n-th piece of the n-th connection is delayed alike in every run with the same seed.
  uint64_t seed = 1;
};

/// Since Start.
struct ProxyCounts {
  /// Connections that were accepted, those included that were reset at once.
  int64_t accepted = 0;
  /// Of these, the ones that are not gone.
  int64_t open = 0;
  /// Of these, the ones that the proxy has reset, by a fault or ResetConnections. Not those that a side has reset itself, nor
  /// those that were closed (Cut::kClose).
  int64_t reset = 0;
  /// Of these, the ones for which the upstream was not to be had; the client was reset.
  int64_t unanswered = 0;
  /// Bytes that were passed on.
  int64_t to_server = 0;
  int64_t to_client = 0;
  /// Bytes that were swallowed by a fault, in both directions.
  int64_t swallowed = 0;

  friend bool operator==(const ProxyCounts&, const ProxyCounts&) = default;
};

/// A running proxy. One thread serves all its connections. *Thread-safe.*
class FaultProxy {
 public:
  /// Returns once it listens. *Errors:* INVALID_ARGUMENT naming the option that cannot be; UNAVAILABLE for an address that cannot
  /// be had, with the reason; RESOURCE_EXHAUSTED if this process has no descriptor or thread left for it.
  static absl::StatusOr<std::unique_ptr<FaultProxy>> Start(FaultProxyOptions options);

  /// Resets all connections.
  ~FaultProxy();

  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  /// IP_ADDRESS:PORT, with the real port.
  const std::string& address() const;
  int port() const;

  /// From now on these faults, and no others, for connections that exist as for new ones, or for only some of them; what is on
  /// its way is held up or hurried by them as well. In force when it returns; a connection exists once its client has connected.
  /// Aborts the process if the faults cannot be.
  void Set(const ProxyFaults& faults, Connections which = Connections::kAll);
  /// No fault from now on, for all connections. Those that have lost bytes are reset.
  void Heal();
  /// RST to both sides of every connection that exists.
  void ResetConnections();

  ProxyCounts counts() const;
  /// Blocks until the counts satisfy this, or the limit is over: false. `satisfied` is called without a lock held.
  bool Await(const std::function<bool(const ProxyCounts&)>& satisfied,
             std::chrono::nanoseconds limit = std::chrono::seconds(30)) const;

 private:
  class Impl;
  explicit FaultProxy(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace userclient::testing
