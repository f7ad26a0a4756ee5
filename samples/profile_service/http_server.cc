#include "http_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <concepts>
#include <condition_variable>
#include <exception>
#include <iostream>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "connection.h"

namespace profile_service {
namespace {

constexpr std::chrono::seconds kKeepAlive(5);
constexpr int kBacklog = 511;
constexpr std::size_t kLongestBody = 64 << 10;

/// What this thread serves at the moment.
thread_local const Connection* present_connection = nullptr;
thread_local std::optional<Inbound> present_request;
thread_local Json present_log = Json::object();

template <class Request>
concept TellsWhetherItsClientHasLeft = requires(const Request& request) {
  { request.is_connection_closed() } -> std::convertible_to<bool>;
};

/// The connection in the clothes that cpp-httplib wants.
template <class Stream>
class ConnectionStream final : public Stream {
 public:
  explicit ConnectionStream(Connection& connection) : connection_(connection) {}

  bool is_readable() const override { return connection_.AwaitReadable(); }
  bool is_writable() const override { return connection_.AwaitWritable(); }
  ssize_t read(char* data, std::size_t size) override { return connection_.Read(data, size); }
  ssize_t write(const char* data, std::size_t size) override { return connection_.Write(data, size); }
  void get_remote_ip_and_port(std::string& ip, int& port) const override { connection_.NameRemote(ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { connection_.NameLocal(ip, port); }
  socket_t socket() const override { return connection_.socket(); }

 private:
  Connection& connection_;
};

/// For versions of cpp-httplib before 0.18.7, whose requests cannot tell: serves the connections itself. Both are templates so
/// that later versions, which have other virtual functions, never get to see them.
template <class Server, class Stream>
class ServerOfConnections : public Server {
 public:
  /// The library's own backlog of 5 turns a burst of new connections into waits of a second.
  void WidenBacklog() { ::listen(this->svr_sock_, kBacklog); }
  /// While more connections than this are served, none is kept once its request is answered: each occupies a thread.
  void KeepAtMost(int connections) { keep_at_most_ = connections; }
  void StopIdle() { idle_.Stop(); }

 private:
  bool process_and_close_socket(socket_t socket) override {
    Connection connection(socket);
    ConnectionStream<Stream> stream(connection);
    present_connection = &connection;
    ++served_;
    bool fine = true;
    while (idle_.Add(socket)) {
      const bool asked = connection.AwaitRequest(kKeepAlive);
      idle_.Remove(socket);
      bool closed = false;
      if (asked) fine = this->process_request(stream, served_ > keep_at_most_, closed, nullptr);
      if (!asked || !fine || closed) break;
    }
    --served_;
    present_connection = nullptr;
    shutdown(socket, SHUT_RDWR);
    close(socket);
    return fine;
  }

  IdleConnections idle_;
  std::atomic<int> served_ = 0;
  int keep_at_most_ = 0;
};

using Server = std::conditional_t<TellsWhetherItsClientHasLeft<httplib::Request>, httplib::Server,
                                  ServerOfConnections<httplib::Server, httplib::Stream>>;

template <class Request>
bool IsGone(const Request& request) {
  if constexpr (TellsWhetherItsClientHasLeft<Request>) {
    return request.is_connection_closed();
  } else {
    return present_connection->IsGone();
  }
}

/// Where they differ in what they need to be told.
template <class AnyServer>
void AfterBind(AnyServer& server, int threads) {
  if constexpr (requires { server.WidenBacklog(); }) {
    server.WidenBacklog();
    server.KeepAtMost(threads / 2);
  }
}
template <class AnyServer>
void BeforeStop(AnyServer& server) {
  if constexpr (requires { server.StopIdle(); }) server.StopIdle();
}

/// The library's own also set SO_REUSEPORT: a second server on the same port would start in silence.
void SetSocketOptions(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

struct Address {
  std::string host;
  int port = 0;
};

absl::StatusOr<Address> ParseAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  Address address;
  if (colon == std::string::npos || colon == 0 || !absl::SimpleAtoi(text.substr(colon + 1), &address.port) || address.port < 0 ||
      address.port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("--listen: \"", text, "\" is no HOST:PORT, like 127.0.0.1:8080 or [::]:8080"));
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
    case 413:
      return "The body is too long";
    case 414:
      return "The path is too long";
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
    server_.set_keep_alive_timeout(kKeepAlive.count());
    server_.set_payload_max_length(kLongestBody);
    server_.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});
    server_.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
      present_request.emplace(request, [&request] { return IsGone(request); });
      present_log = Json::object();
      response.set_header("X-Request-Id", present_request->id());
      return Server::HandlerResponse::Unhandled;
    });
    server_.set_exception_handler([](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
      Fill(response, Problem(500, "This service failed", "The log tells more."));
    });
    server_.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      // Answers of handlers have their body.
      if (response.body.empty()) Fill(response, Problem(response.status, TitleOf(response.status), kSeeReadme));
    });
    server_.set_logger([this](const httplib::Request& request, const httplib::Response& response) { Log(request, response); });
  }

  ~Impl() {
    Stop(std::chrono::nanoseconds::zero());
    if (listener_.joinable()) listener_.join();
  }

  absl::Status Bind() {
    const absl::StatusOr<Address> wanted = ParseAddress(options_.listen);
    if (!wanted.ok()) return wanted.status();
    errno = 0;
    int port = wanted->port;
    const bool bound =
        port == 0 ? (port = server_.bind_to_any_port(wanted->host)) > 0 : server_.bind_to_port(wanted->host, wanted->port);
    if (!bound) {
      const std::string reason = errno == 0 ? "there is no such address here" : std::generic_category().message(errno);
      return absl::UnavailableError(absl::StrCat("--listen: cannot listen on ", options_.listen, ": ", reason));
    }
    AfterBind(server_, options_.threads);
    const bool v6 = wanted->host.find(':') != std::string::npos;
    address_ = absl::StrCat(v6 ? "[" : "", wanted->host, v6 ? "]" : "", ":", port);
    return absl::OkStatus();
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
    });
  }

  bool Stop(std::chrono::nanoseconds limit) {
    if (!listener_.joinable()) return true;
    BeforeStop(server_);
    server_.stop();
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return ended_; });
  }

  Server& server() { return server_; }
  const std::string& address() const { return address_; }
  int under_way() const { return under_way_; }

 private:
  static constexpr char kSeeReadme[] = "See the README of profile_service for what it answers.";

  /// Threads that are left for probes and scrapes, however many requests are under way.
  static int Reserve(int threads) { return threads / 8; }

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
  std::string address_;
  std::thread listener_;
  std::atomic<int> under_way_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Bind(HttpServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (absl::Status bound = impl->Bind(); !bound.ok()) return bound;
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::Get(const std::string& pattern, Handler handler) {
  impl_->server().Get(pattern, impl_->Wrap(std::move(handler)));
}
void HttpServer::Post(const std::string& pattern, Handler handler) {
  impl_->server().Post(pattern, impl_->Wrap(std::move(handler)));
}
void HttpServer::Start() { impl_->Start(); }
const std::string& HttpServer::address() const { return impl_->address(); }
int HttpServer::requests_under_way() const { return impl_->under_way(); }
bool HttpServer::Stop(std::chrono::nanoseconds limit) { return impl_->Stop(limit); }

}  // namespace profile_service
