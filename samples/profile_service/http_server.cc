#include "http_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <iostream>
#include <mutex>
#include <optional>
#include <regex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "connection.h"
#include "url.h"

namespace profile_service {
namespace {

/// For the answers of calls that were cancelled when the server ends.
constexpr std::chrono::seconds kLastWords(1);
constexpr int kBacklog = 511;
constexpr std::size_t kLongestBody = 64 << 10;

/// Before the library goes on with a request whose headers have come.
void Prepare(httplib::Request& request) {
  // A part of a profile is of no use to anybody: ranges are passed over, as RFC 9110 allows.
  request.ranges.clear();
  // The library would look for a route by the decoded path, in which a slash of an id is like any other.
  request.path = std::string(PathOf(request.target));
  // RFC 9112, 6.3: then there is no body. The library would wait for the end of the connection.
  const bool may_have_body = request.method != "GET" && request.method != "HEAD";
  if (may_have_body && !request.has_header("Content-Length") && !request.has_header("Transfer-Encoding")) {
    request.headers.emplace("Content-Length", "0");
  }
}

/// What was sent of the body may be taken for the next request: the library reads none of most methods, whatever their headers
/// say, and of a chunked one it takes sizes, like 0x10, that others read otherwise.
bool MayLeaveSomething(const httplib::Request& request) {
  const bool has_length = request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0";
  return request.has_header("Transfer-Encoding") || (request.method != "POST" && has_length);
}

/// The library knows it only as the one word, in small letters.
bool WantsClose(const httplib::Request& request) {
  const auto [begin, end] = request.headers.equal_range("Connection");
  return std::any_of(begin, end, [](const auto& header) {
    const std::vector<std::string> words = absl::StrSplit(header.second, ',');
    return std::any_of(words.begin(), words.end(),
                       [](const std::string& word) { return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(word), "close"); });
  });
}

/// What this thread serves at the moment.
thread_local Connection* present_connection = nullptr;
thread_local std::optional<Inbound> present_request;
thread_local Json present_log = Json::object();

/// The connection in the clothes that cpp-httplib wants: what all versions have of them. A template, so that the virtual
/// functions are those of the version that there is.
template <class Stream>
class ConnectionStreamParts : public Stream {
 public:
  explicit ConnectionStreamParts(Connection& connection) : connection_(connection) {}

  ssize_t read(char* data, std::size_t size) override { return connection_.Read(data, size); }
  ssize_t write(const char* data, std::size_t size) override { return connection_.Write(data, size); }
  void get_remote_ip_and_port(std::string& ip, int& port) const override { connection_.NameRemote(ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { connection_.NameLocal(ip, port); }
  socket_t socket() const override { return connection_.socket(); }

 protected:
  Connection& connection() const { return connection_; }

 private:
  Connection& connection_;
};

/// Up to 0.18, its streams wait when they are asked whether they are readable.
template <class Stream>
class ConnectionStream final : public ConnectionStreamParts<Stream> {
 public:
  using ConnectionStreamParts<Stream>::ConnectionStreamParts;
  bool is_readable() const override { return this->connection().AwaitReadable(); }
  bool is_writable() const override { return this->connection().AwaitWritable(); }
};

template <class Stream>
concept SaysThatItWaits = requires(const Stream& stream) {
  stream.wait_readable();
};

template <SaysThatItWaits Stream>
class ConnectionStream<Stream> final : public ConnectionStreamParts<Stream> {
 public:
  using ConnectionStreamParts<Stream>::ConnectionStreamParts;
  bool is_readable() const override { return this->connection().HasReadAhead(); }
  bool wait_readable() const override { return this->connection().AwaitReadable(); }
  bool wait_writable() const override { return this->connection().AwaitWritable(); }
  time_t duration() const override { return 0; }
};

/// Serves the connections itself: the library limits each read and each write of a request, and neither all of them nor a stop.
template <class Base, class Stream>
class ServerOfConnections : public Base {
 public:
  void Configure(const ConnectionLimits& limits, int keep_at_most) {
    limits_ = limits;
    keep_at_most_ = keep_at_most;
  }
  /// The library's own backlog of 5 turns a burst of new connections into waits of a second.
  void WidenBacklog() { ::listen(this->svr_sock_, kBacklog); }
  OpenConnections& connections() { return connections_; }

 private:
  bool process_and_close_socket(socket_t socket) override {
    Connection connection(socket, limits_);
    ConnectionStream<Stream> stream(connection);
    present_connection = &connection;
    connections_.Add(socket);
    ++served_;
    bool fine = true;
    bool closed = false;
    while (fine && !closed && connections_.BeginWait(socket)) {
      const bool asked = connection.AwaitRequest();
      connections_.EndWait(socket);
      if (!asked) break;
      const bool is_last = served_ > keep_at_most_;
      fine = Process(stream, is_last, closed) && !is_last && connection.usable();
    }
    --served_;
    present_connection = nullptr;
    connections_.Remove(socket);
    shutdown(socket, SHUT_RDWR);
    close(socket);
    return fine;
  }

  /// Later versions want to be told who is there.
  template <class AnyStream>
  bool Process(AnyStream& stream, bool close_afterwards, bool& closed) {
    if constexpr (requires { this->process_request(stream, close_afterwards, closed, Prepare); }) {
      return this->process_request(stream, close_afterwards, closed, Prepare);
    } else {
      std::string remote, local;
      int remote_port = 0, local_port = 0;
      stream.get_remote_ip_and_port(remote, remote_port);
      stream.get_local_ip_and_port(local, local_port);
      return this->process_request(stream, remote, remote_port, local, local_port, close_afterwards, closed, Prepare);
    }
  }

  ConnectionLimits limits_;
  int keep_at_most_ = 0;
  OpenConnections connections_;
  std::atomic<int> served_ = 0;
};

using Server = ServerOfConnections<httplib::Server, httplib::Stream>;

/// The library's own also set SO_REUSEPORT: a second server on the same port would start in silence.
void SetSocketOptions(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

struct Address {
  std::string host;
  int port = 0;
};

absl::StatusOr<Address> ParseAddress(const std::string& flag, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  Address address;
  if (colon == std::string::npos || colon == 0 || !absl::SimpleAtoi(text.substr(colon + 1), &address.port) || address.port < 0 ||
      address.port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": \"", text, "\" is no HOST:PORT, like 127.0.0.1:8080 or [::]:8080"));
  }
  address.host = text.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']'))
    address.host = address.host.substr(1, address.host.size() - 2);
  return address;
}

std::string TitleOf(int status) {
  switch (status) {
    case 400:
      return "The request is wrong";
    case 404:
      return "There is nothing here";
    case 405:
      return "The method is not for this path";
    case 408:
      return "The request took too long to come";
    case 413:
      return "The request is too long";
    case 414:
      return "The path is too long";
    case 415:
      return "The body is encoded";
    default:
      return "The request could not be answered";
  }
}

void Fill(httplib::Response& response, const Answer& answer) {
  response.status = answer.status;
  response.set_content(answer.body, answer.content_type);
  for (const auto& [name, value] : answer.headers) response.set_header(name, value);
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(HttpServerOptions options) : options_(std::move(options)) {
    server_.new_task_queue = [threads = options_.threads] { return new httplib::ThreadPool(static_cast<std::size_t>(threads)); };
    server_.set_socket_options(SetSocketOptions);
    server_.set_tcp_nodelay(true);
    // It only says so in its answers.
    server_.set_keep_alive_timeout(std::chrono::ceil<std::chrono::seconds>(options_.limits.idle).count());
    server_.Configure(options_.limits, options_.threads / 2);
    server_.set_payload_max_length(kLongestBody);
    server_.set_default_headers(
        {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}, {"Accept-Ranges", "none"}});
    server_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      present_request.emplace(request, [may_ask = request.version == "HTTP/1.1"] { return present_connection->IsGone(may_ask); });
      present_log = Json::object();
      response.set_header("X-Request-Id", present_request->id());
      // A compressed body would be inflated to whatever size.
      const bool encoded = request.has_header("Content-Encoding");
      const bool sound = present_connection->head().IsSound();
      if (!sound || encoded || MayLeaveSomething(request) || WantsClose(request)) present_connection->Distrust();
      if (sound && !encoded) return Server::HandlerResponse::Unhandled;
      response.status = sound ? 415 : 400;
      return Server::HandlerResponse::Handled;
    });
    server_.set_exception_handler([](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
      Fill(response, Problem(500, "This service failed", "The log tells more."));
    });
    server_.set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
      if (present_connection->request_overdue()) response.status = 408;
      if (present_connection->request_too_long()) response.status = 413;
      // Refused by the library, which then reads no further.
      const bool by_library = response.body.empty() && response.status != 404;
      if (!present_request || by_library) present_connection->Distrust();
      const std::string allowed = response.status == 404 && response.body.empty() ? MethodsOf(request.path) : "";
      if (!allowed.empty()) {
        response.status = 405;
        response.set_header("Allow", allowed);
      }
      // Answers of handlers have their body.
      if (response.body.empty()) Fill(response, Problem(response.status, TitleOf(response.status), kSeeReadme));
    });
    server_.set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      if (sends_away_) present_connection->Distrust();
      if (present_connection->usable()) return;
      // By the library, which knows nothing of this.
      response.headers.erase("Keep-Alive");
      response.headers.erase("Connection");
      response.set_header("Connection", "close");
    });
    server_.set_logger([this](const httplib::Request& request, const httplib::Response& response) { Log(request, response); });
  }

  ~Impl() {
    if (!listener_.joinable()) return;
    if (!Stop(kLastWords)) server_.connections().CutOff();
    listener_.join();
  }

  absl::Status Bind() {
    const absl::StatusOr<Address> wanted = ParseAddress(options_.listen_flag, options_.listen);
    if (!wanted.ok()) return wanted.status();
    errno = 0;
    int port = wanted->port;
    const bool bound =
        port == 0 ? (port = server_.bind_to_any_port(wanted->host)) > 0 : server_.bind_to_port(wanted->host, wanted->port);
    if (!bound) {
      const std::string reason = errno == 0 ? "there is no such address here" : std::generic_category().message(errno);
      return absl::UnavailableError(absl::StrCat(options_.listen_flag, ": cannot listen on ", options_.listen, ": ", reason));
    }
    server_.WidenBacklog();
    const bool v6 = wanted->host.find(':') != std::string::npos;
    address_ = absl::StrCat(v6 ? "[" : "", wanted->host, v6 ? "]" : "", ":", port);
    return absl::OkStatus();
  }

  void Get(const std::string& pattern, Handler handler) {
    routes_.push_back({.methods = "GET, HEAD", .pattern = std::regex(pattern)});
    server_.Get(pattern, Wrap(std::move(handler)));
  }

  void Post(const std::string& pattern, Handler handler) {
    routes_.push_back({.methods = "POST", .pattern = std::regex(pattern)});
    server_.Post(pattern, Wrap(std::move(handler)));
  }

  httplib::Server::Handler Wrap(Handler handler) {
    return [this, handler = std::move(handler)](const httplib::Request&, httplib::Response& response) {
      const bool quiet = options_.is_quiet && options_.is_quiet(present_request->http().path);
      const bool full = ++under_way_ > options_.threads - Reserve(options_.threads) && !quiet;
      const Answer answer = full ? Overloaded() : Answered(handler);
      --under_way_;
      Fill(response, answer);
      present_log = answer.log;
    };
  }

  void Start() {
    listener_ = std::thread([this] {
      server_.listen_after_bind();
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
      if (stopped_) return;
      // The library gives up when it cannot accept, for want of descriptors or memory. Better started again than there for
      // nobody.
      std::cerr << "profile_service: no connection can be accepted at " << address_ << " any more; ending" << std::endl;
      std::raise(SIGTERM);
    });
    // Only then can it be stopped.
    std::unique_lock lock(mutex_);
    while (!ended_ && !server_.is_running()) changed_.wait_for(lock, std::chrono::milliseconds(1));
  }

  void SendAway() { sends_away_ = true; }

  bool Stop(std::chrono::nanoseconds limit) {
    if (!listener_.joinable()) return true;
    server_.connections().StopWaiting();
    std::unique_lock lock(mutex_);
    const bool first = !std::exchange(stopped_, true);
    lock.unlock();
    if (first) server_.stop();
    lock.lock();
    return changed_.wait_for(lock, limit, [this] { return ended_; });
  }

  const std::string& address() const { return address_; }
  int under_way() const { return under_way_; }

 private:
  static constexpr char kSeeReadme[] = "See the README of profile_service for what it answers.";

  /// Threads that are left for probes and scrapes, however many requests are under way.
  static int Reserve(int threads) { return std::max(1, threads / 8); }

  struct Route {
    std::string methods;
    std::regex pattern;
  };

  /// What a path can be asked for with, as `Allow` wants it; empty if there is no such path.
  std::string MethodsOf(const std::string& path) const {
    std::vector<std::string> methods;
    for (const Route& route : routes_) {
      if (std::regex_match(path, route.pattern)) methods.push_back(route.methods);
    }
    return absl::StrJoin(methods, ", ");
  }

  static Answer Overloaded() {
    Answer answer = Problem(503, "Too many requests are under way", "Try again in a second.");
    answer.headers.emplace_back("Retry-After", "1");
    answer.log["error"] = "too many requests are under way";
    return answer;
  }

  static Answer Answered(const Handler& handler) {
    // The JSON library, and memory, may throw; one request must not take the others along.
    try {
      return handler(*present_request);
    } catch (const std::exception& error) {
      Answer answer = Problem(500, "This service failed", "The log tells more.");
      answer.log["error"] = error.what();
      return answer;
    }
  }

  void Log(const httplib::Request& request, const httplib::Response& response) {
    const bool quiet = options_.is_quiet && options_.is_quiet(request.path) && response.status < 400;
    if (options_.log && !quiet) {
      Json line = {{"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone())},
                   {"event", "request"},
                   {"method", request.method},
                   {"path", request.path},
                   {"status", response.status}};
      if (present_request) {
        const auto took = std::chrono::steady_clock::now() - present_request->arrived();
        line["duration"] = static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()) / 1e6;
        line["request_id"] = present_request->id();
        if (const std::string trace = present_request->trace_id(); !trace.empty()) line["trace_id"] = trace;
      }
      line["peer"] = request.remote_addr;
      line.update(present_log);
      options_.log(ToText(line));
    }
    present_request.reset();
    present_log = Json::object();
  }

  const HttpServerOptions options_;
  Server server_;
  std::vector<Route> routes_;
  std::string address_;
  std::thread listener_;
  std::atomic<int> under_way_ = 0;
  std::atomic<bool> sends_away_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  bool stopped_ = false;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Bind(HttpServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (absl::Status bound = impl->Bind(); !bound.ok()) return bound;
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::Get(const std::string& pattern, Handler handler) { impl_->Get(pattern, std::move(handler)); }
void HttpServer::Post(const std::string& pattern, Handler handler) { impl_->Post(pattern, std::move(handler)); }
void HttpServer::Start() { impl_->Start(); }
const std::string& HttpServer::address() const { return impl_->address(); }
int HttpServer::requests_under_way() const { return impl_->under_way(); }
void HttpServer::SendAway() { impl_->SendAway(); }

bool HttpServer::Stop(std::chrono::nanoseconds limit) { return impl_->Stop(limit); }

}  // namespace profile_service
