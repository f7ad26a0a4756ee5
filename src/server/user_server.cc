#include "userclient/server/user_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/admission.h"
#include "server/call_counters.h"
#include "server/call_environment.h"
#include "server/fault_service.h"
#include "server/file_watch.h"
#include "server/infrastructure_calls.h"
#include "server/lasting_trouble.h"
#include "server/listen_address.h"
#include "server/live_streams.h"
#include "server/printable_ascii.h"
#include "server/server_credentials.h"
#include "server/server_identity.h"
#include "server/tls_context_adoption.h"
#include "server/token_check.h"
#include "server/user_feed.h"
#include "server/user_service.h"
#include "server/worker_pool.h"
#include "tls/openssl_at_exit.h"

namespace userclient {
namespace {

constexpr int kStoreThreads = 4;
constexpr size_t kLongestName = 256;
constexpr int kMaxSeedUsers = 1'000'000;
constexpr int kMaxSeedActivity = 1'000'000;
constexpr std::chrono::milliseconds kMinWatchHeartbeat(10);

/// Linking gRPC's reflection library adds it to every server of the process. This decides it for one.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool on) : on_(on) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}

  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    auto reflection = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    const std::string name = reflection->name();
    std::erase_if(*plugins, [&name](const auto& plugin) { return plugin->name() == name; });
    if (on_) plugins->push_back(std::move(reflection));
  }

 private:
  const bool on_;
};

/// gRPC's health service can only be had by a switch of the whole process. Turns it as wanted for the server that is being built,
/// and back.
class HealthServiceSwitch {
 public:
  explicit HealthServiceSwitch(bool on) : lock_(&Mutex()), before_(grpc::DefaultHealthCheckServiceEnabled()) {
    grpc::EnableDefaultHealthCheckService(on);
  }
  ~HealthServiceSwitch() { grpc::EnableDefaultHealthCheckService(before_); }

 private:
  static absl::Mutex& Mutex() {
    static absl::Mutex mutex;
    return mutex;
  }

  absl::MutexLock lock_;
  const bool before_;
};

/// A server that has been started, and the address it was given.
struct Listener {
  std::unique_ptr<grpc::Server> server;
  internal::ListenAddress address;
};

struct ListenerOptions {
  internal::ListenAddress address;
  /// Null: plain text.
  std::shared_ptr<const internal::ServerIdentity> identity;
  bool health = false;
  bool reflection = false;
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> interceptor;
  std::optional<int> max_concurrent_streams;
  std::optional<std::chrono::nanoseconds> max_connection_age;
  std::chrono::nanoseconds max_connection_age_grace{};
};

/// gRPC counts in whole milliseconds, and cannot count further than an int.
int Milliseconds(std::chrono::nanoseconds duration) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<int64_t>(milliseconds, 0, std::numeric_limits<int>::max()));
}

absl::StatusOr<Listener> Listen(ListenerOptions options, grpc::Service& service) {
  // gRPC says only that it failed, and writes the reason to its own log.
  const std::string reason = internal::WhyNotBindable(options.address);
  if (!reason.empty()) return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address.ToString(), ": ", reason));

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.address.ToString(),
                           options.identity == nullptr ? grpc::InsecureServerCredentials()
                                                       : internal::MakeServerCredentials(*options.identity->material()),
                           &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  if (options.max_concurrent_streams) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, *options.max_concurrent_streams);
  }
  if (options.max_connection_age) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(*options.max_connection_age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Milliseconds(options.max_connection_age_grace));
  }
  builder.SetOption(std::make_unique<ReflectionOption>(options.reflection));
  builder.RegisterService(&service);
  if (options.interceptor != nullptr) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
    interceptors.push_back(std::move(options.interceptor));
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
  }
  HealthServiceSwitch health(options.health);
  std::optional<internal::TlsContextAdoption> adoption;
  if (options.identity != nullptr) adoption.emplace(options.identity);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0)
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address.ToString()));
  if (adoption && adoption->adopted() == 0) {
    return absl::InternalError(
        "this gRPC uses a TLS library of its own, so TLS 1.3 cannot be made the least; build it with OpenSSL");
  }
  options.address.port = port;
  return Listener{std::move(server), std::move(options.address)};
}

}  // namespace

class UserServer::Impl {
 public:
  explicit Impl(UserServerOptions options)
      : options_(std::move(options)),
        store_(options_.store != nullptr ? options_.store : MakeMemoryUserStore()),
        faults_(options_.faults != nullptr ? options_.faults : std::make_shared<FaultInjector>()),
        feed_(std::make_shared<internal::UserFeed>(store_, options_.watch_heartbeat)),
        workers_(store_->MayBlock() ? std::make_unique<internal::WorkerPool>(kStoreThreads) : nullptr),
        environment_{.faults = *faults_,
                     .counters = counters_,
                     .workers = workers_.get(),
                     .name = options_.name,
                     .request_log = options_.request_log,
                     .on_attempt = options_.on_attempt},
        service_(*store_, feed_, live_streams_, environment_),
        fault_service_(*faults_, counters_) {}

  ~Impl() { feed_->Stop(); }

  absl::Status Start() {
    absl::StatusOr<internal::ListenAddress> address = internal::ParseListenAddress(options_.listen_address);
    if (!address.ok()) return address.status();
    if (options_.seed_users < 0 || options_.seed_users > kMaxSeedUsers) {
      return absl::InvalidArgumentError(absl::StrCat("seed_users: must be from 0 to ", kMaxSeedUsers));
    }
    if (options_.seed_activity < 0 || options_.seed_activity > kMaxSeedActivity) {
      return absl::InvalidArgumentError(absl::StrCat("seed_activity: must be from 0 to ", kMaxSeedActivity));
    }
    if (options_.watch_heartbeat < kMinWatchHeartbeat)
      return absl::InvalidArgumentError("watch_heartbeat: must be at least 10ms");
    if (absl::Status limits = CheckLimits(); !limits.ok()) return limits;
    if (absl::Status read = ReadFiles(); !read.ok()) return read;
    admission_.emplace(options_, tokens_);
    environment_.admission = &*admission_;
    if (absl::Status seeded = store_->Seed(options_.seed_users); !seeded.ok()) {
      return absl::Status(seeded.code(), absl::StrCat("cannot seed the store: ", std::string(seeded.message())));
    }

    if (options_.seed_activity > 0) {
      if (absl::Status seeded = store_->SeedActivity(options_.seed_activity); !seeded.ok()) {
        return absl::Status(seeded.code(), absl::StrCat("cannot seed the activity: ", std::string(seeded.message())));
      }
    }

    if (options_.admin_address) {
      if (absl::Status started = StartAdmin(*options_.admin_address); !started.ok()) return started;
    }
    absl::StatusOr<Listener> listener = Listen({.address = *address,
                                                .identity = identity_,
                                                .health = true,
                                                .reflection = options_.reflection && tokens_ == nullptr,
                                                .interceptor = infrastructure_calls_.MakeInterceptorFactory(),
                                                .max_concurrent_streams = options_.max_concurrent_streams,
                                                .max_connection_age = options_.max_connection_age,
                                                .max_connection_age_grace = options_.max_connection_age_grace},
                                               service_);
    if (!listener.ok()) return listener.status();
    users_ = *std::move(listener);
    address_ = users_.address.ToString();
    users_.server->GetHealthCheckService()->SetServingStatus("user.v1.UserService", true);
    WatchFiles();
    return absl::OkStatus();
  }

  absl::Status Shutdown(std::chrono::nanoseconds limit) {
    absl::MutexLock lock(&shutdown_mutex_);
    if (shut_down_) return shutdown_result_;
    shut_down_ = true;
    const auto now = std::chrono::steady_clock::now();
    // So large a limit is for ever; the clocks below would overflow.
    limit = std::clamp(limit, std::chrono::nanoseconds(0), std::chrono::nanoseconds(std::chrono::hours(24 * 365)));
    const auto cut_off_at = now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit);
    environment_.cut_off_at = cut_off_at.time_since_epoch().count();
    if (users_.server != nullptr) {
      users_.server->GetHealthCheckService()->Shutdown();
      if (limit.count() > 0) live_streams_->Enter(internal::DrainPhase::kNotice);
      std::this_thread::sleep_for(std::min(limit / 2, options_.drain_notice));
      infrastructure_calls_.Close();
      if (limit.count() > 0) live_streams_->Enter(internal::DrainPhase::kClosing);
      users_.server->Shutdown(std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                                                     cut_off_at - std::chrono::steady_clock::now()));
    }
    if (admin_.server != nullptr) admin_.server->Shutdown(std::chrono::system_clock::now());
    if (const int64_t calls = environment_.cut_off_calls; calls > 0) {
      shutdown_result_ = absl::DeadlineExceededError(
          absl::StrCat("the drain limit is over: ", calls, calls == 1 ? " call was" : " calls were", " cut off"));
    }
    return shutdown_result_;
  }

  const std::string& address() const { return address_; }
  int port() const { return users_.address.port; }
  int admin_port() const { return admin_.server != nullptr ? admin_.address.port : 0; }
  FaultInjector& faults() { return *faults_; }
  const internal::CallCounters& counters() const { return counters_; }
  int64_t open_streams() const { return live_streams_->count(); }

 private:
  absl::Status CheckLimits() const {
    if (absl::Status limits = internal::Admission::Check(options_); !limits.ok()) return limits;
    const std::string name = options_.name.value_or("");
    if (!internal::IsPrintableAscii(name) || name.size() > kLongestName) {
      return absl::InvalidArgumentError(absl::StrCat("name: must be printable ASCII, at most ", kLongestName, " characters"));
    }
    if (options_.max_concurrent_streams.value_or(1) < 1) {
      return absl::InvalidArgumentError("max_concurrent_streams: must be at least 1");
    }
    if (options_.max_connection_age && *options_.max_connection_age <= std::chrono::nanoseconds::zero()) {
      return absl::InvalidArgumentError("max_connection_age: must be more than 0");
    }
    if (options_.max_connection_age_grace < std::chrono::nanoseconds::zero()) {
      return absl::InvalidArgumentError("max_connection_age_grace: must not be negative");
    }
    if (options_.file_check_interval <= std::chrono::nanoseconds::zero()) {
      return absl::InvalidArgumentError("file_check_interval: must be more than 0");
    }
    return absl::OkStatus();
  }

  absl::Status ReadFiles() {
    if (options_.token_file) {
      absl::StatusOr<std::vector<std::string>> tokens = internal::ReadTokens(*options_.token_file);
      if (!tokens.ok()) return tokens.status();
      tokens_ = std::make_shared<internal::TokenCheck>(*std::move(tokens));
    }
    if (options_.tls) {
      absl::StatusOr<std::shared_ptr<const internal::ServerTlsMaterial>> material = internal::LoadServerTls(*options_.tls);
      if (!material.ok()) return material.status();
      identity_ = std::make_shared<internal::ServerIdentity>(*std::move(material));
    }
    return absl::OkStatus();
  }

  void WatchFiles() {
    std::vector<std::function<void()>> looks;
    if (identity_ != nullptr) looks.emplace_back([this] { LookAtTls(); });
    if (tokens_ != nullptr) looks.emplace_back([this] { LookAtTokens(); });
    if (!looks.empty()) file_watch_.emplace(options_.file_check_interval, std::move(looks));
  }

  void LookAtTls() {
    absl::StatusOr<std::shared_ptr<const internal::ServerTlsMaterial>> material = internal::LoadServerTls(*options_.tls);
    if (tls_trouble_.Note(material.status())) Tell(material.status());
    if (!material.ok() || (*material)->fingerprint == identity_->material()->fingerprint) return;
    const X509& certificate = *(*material)->chain.front();
    const std::string news =
        absl::StrCat((*material)->certificate.place(), ": new connections get the certificate of ",
                     internal::SubjectOf(certificate), ", which is good until ", internal::EndOf(certificate));
    identity_->Exchange(*std::move(material));
    if (options_.file_log) options_.file_log(news);
  }

  void LookAtTokens() {
    absl::StatusOr<std::vector<std::string>> tokens = internal::ReadTokens(*options_.token_file);
    if (token_trouble_.Note(tokens.status())) Tell(tokens.status());
    if (!tokens.ok() || !tokens_->Exchange(*std::move(tokens)) || !options_.file_log) return;
    options_.file_log(absl::StrCat("token_file: ", options_.token_file->string(), ": other tokens are taken from now on"));
  }

  void Tell(const absl::Status& trouble) const {
    if (options_.file_log)
      options_.file_log(absl::StrCat(std::string(trouble.message()), "; what was there before stays in use"));
  }

  absl::Status StartAdmin(const std::string& text) {
    absl::StatusOr<internal::ListenAddress> address = internal::ParseListenAddress(text);
    if (!address.ok()) return address.status();
    if (!address->IsLoopback()) {
      return absl::InvalidArgumentError(absl::StrCat("the fault service listens on loopback addresses only, not on ", text));
    }
    absl::StatusOr<Listener> listener = Listen({.address = *address}, fault_service_);
    if (!listener.ok()) return listener.status();
    admin_ = *std::move(listener);
    return absl::OkStatus();
  }

  const UserServerOptions options_;
  const std::shared_ptr<UserStore> store_;
  const std::shared_ptr<FaultInjector> faults_;
  internal::CallCounters counters_;
  const std::shared_ptr<internal::LiveStreams> live_streams_ = std::make_shared<internal::LiveStreams>();
  const std::shared_ptr<internal::UserFeed> feed_;
  internal::InfrastructureCalls infrastructure_calls_;
  // Above the servers, so that it outlives their last call.
  std::unique_ptr<internal::WorkerPool> workers_;
  std::shared_ptr<internal::TokenCheck> tokens_;
  std::shared_ptr<internal::ServerIdentity> identity_;
  std::optional<internal::Admission> admission_;
  internal::CallEnvironment environment_;
  internal::UserServiceImpl service_;
  internal::FaultServiceImpl fault_service_;
  Listener users_;
  Listener admin_;
  std::string address_;

  // Of the thread of `file_watch_`.
  internal::LastingTrouble tls_trouble_;
  internal::LastingTrouble token_trouble_;

  absl::Mutex shutdown_mutex_;
  bool shut_down_ ABSL_GUARDED_BY(shutdown_mutex_) = false;
  absl::Status shutdown_result_ ABSL_GUARDED_BY(shutdown_mutex_);

  // Last, so that its thread ends first.
  std::optional<internal::FileWatch> file_watch_;
};

absl::StatusOr<std::unique_ptr<UserServer>> UserServer::Start(UserServerOptions options) {
  internal::LeaveOpensslAsItIsAtExit();
  auto impl = std::make_unique<Impl>(std::move(options));
  if (absl::Status started = impl->Start(); !started.ok()) return started;
  return std::unique_ptr<UserServer>(new UserServer(std::move(impl)));
}

UserServer::UserServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UserServer::~UserServer() { impl_->Shutdown(std::chrono::nanoseconds(0)).IgnoreError(); }

const std::string& UserServer::address() const { return impl_->address(); }
int UserServer::port() const { return impl_->port(); }
int UserServer::admin_port() const { return impl_->admin_port(); }
FaultInjector& UserServer::faults() { return impl_->faults(); }
MethodCounters UserServer::counters(std::string_view method) const { return impl_->counters().Of(method); }
int64_t UserServer::open_streams() const { return impl_->open_streams(); }
absl::Status UserServer::Shutdown(std::chrono::nanoseconds limit) { return impl_->Shutdown(limit); }

}  // namespace userclient
