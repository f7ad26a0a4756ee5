#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "answer.h"
#include "connection.h"
#include "inbound.h"

namespace profile_service {

struct HttpServerOptions {
  /// "127.0.0.1:8080", "[::1]:8080"; port 0 takes a free one.
  std::string listen{};
  /// What errors call it.
  std::string listen_flag = "--listen";
  /// Connections that are served at the same time; further ones wait. Seven eighths of them may have a request under way that is
  /// not quiet; further requests are refused with 503.
  int threads = 64;
  /// Given a JSON object for every request.
  std::function<void(std::string_view line)> log{};
  /// Paths that machines ask all the time (probes, scrapes): only their failures are logged, and they may have the threads that
  /// others may not. A thread must be free all the same: where clients may be slow or idle, give them a server of their own.
  std::function<bool(std::string_view path)> is_quiet{};
  ConnectionLimits limits{};
};

/// An HTTP/1.1 server made of cpp-httplib: every request has an id, a line in the log and an answer in JSON whatever happens, and
/// its handler can ask whether the client still waits. It knows no ranges: a `Range` header that can be read changes nothing.
/// Start and Stop belong to one thread; the rest is *thread-safe*.
class HttpServer {
 public:
  using Handler = std::function<Answer(const Inbound& inbound)>;

  /// Takes the port; serves after Start. *Errors:* INVALID_ARGUMENT for what is no address, UNAVAILABLE if it cannot be had.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Bind(HttpServerOptions options);
  /// As Stop, for a second; then it closes the connections, whatever goes on there, and waits for the handlers alone.
  ~HttpServer();

  /// `pattern` is a regular expression for the whole path as it was sent: parts that are anybody's choice are percent-encoded
  /// (url.h). A path that is there for another method only is answered with 405. Before Start only.
  void Get(const std::string& pattern, Handler handler);
  void Post(const std::string& pattern, Handler handler);

  void Start();
  /// "127.0.0.1:8080", with the port that was taken.
  const std::string& address() const;
  int requests_under_way() const;
  /// From now on every answer is the last one on its connection, and says so: who keeps his goes elsewhere with the next request,
  /// instead of sending it into a connection that Stop closes.
  void SendAway();
  /// Takes no more connections, closes those that are idle, and waits for the requests under way. False: that took longer.
  bool Stop(std::chrono::nanoseconds limit);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace profile_service
