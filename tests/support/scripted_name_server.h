#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace userclient::testing {

enum class DnsFamily { kIpv4, kIpv6 };

/// What a ScriptedNameServer does about one question.
struct DnsReply {
  enum class Way {
    kAnswer,
    /// Over UDP it only says that the answer does not fit; over TCP it gives it.
    kTruncated,
    kSilence,
    /// Bytes that are no DNS message.
    kGarbage,
    /// The answer to a question that nobody asked.
    kWrongId,
  };

  /// Of the family that was asked for. Answers of more than 512 bytes are truncated over UDP by themselves.
  std::vector<std::string> addresses{};
  /// 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
  int rcode = 0;
  Way way = Way::kAnswer;
  std::chrono::milliseconds delay{};
};

inline DnsReply NoAddress() { return {}; }
inline DnsReply ServFail() { return {.rcode = 2}; }
inline DnsReply NxDomain() { return {.rcode = 3}; }
inline DnsReply Refused() { return {.rcode = 5}; }
inline DnsReply Silence() { return {.way = DnsReply::Way::kSilence}; }

/// A name server on loopback that says what a test tells it to; UDP and TCP on the same port. It knows no name at first:
/// NXDOMAIN. *Thread-safe.*
class ScriptedNameServer {
 public:
  /// Port 0: any. Aborts the test program if the port is not to be had at `address`.
  explicit ScriptedNameServer(std::string address = "127.0.0.1", int port = 0);
  ~ScriptedNameServer();

  ScriptedNameServer(const ScriptedNameServer&) = delete;
  ScriptedNameServer& operator=(const ScriptedNameServer&) = delete;

  int port() const { return port_; }
  /// "127.0.0.1:5353", as it stands in a target.
  std::string authority() const;

  void Set(const std::string& name, DnsFamily family, DnsReply reply);
  /// Both families.
  void Set(const std::string& name, DnsReply ipv4, DnsReply ipv6);

  /// Nothing listens any more: packets come back as unreachable.
  void Die();
  /// Listens again, on the same port.
  void Return();

  /// TCP connections are reset as soon as they are taken.
  void ResetConnections() { resets_ = true; }

  /// Questions for this name that have arrived.
  int queries(const std::string& name, DnsFamily family) const;
  /// Those that came over TCP.
  int tcp_queries() const;

 private:
  struct Delayed;

  bool Bind();
  void Start();
  void Serve();
  void ServeUdp(std::vector<Delayed>& delayed);
  void ServeTcp();
  DnsReply ReplyTo(const std::string& name, DnsFamily family, bool tcp);
  /// What to send for these bytes; empty for nothing.
  std::pair<std::string, std::chrono::milliseconds> Respond(const std::string& query, bool tcp);

  const std::string address_;
  int port_ = 0;
  int udp_ = -1;
  int tcp_ = -1;
  int wake_up_ = -1;
  std::thread thread_;
  std::atomic<bool> resets_ = false;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::pair<std::string, DnsFamily>, DnsReply> replies_;
  std::map<std::pair<std::string, DnsFamily>, int> queries_;
  int tcp_queries_ = 0;
};

}  // namespace userclient::testing
