#include "userclient/server/user_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/call_counters.h"
#include "server/fault_service.h"
#include "server/infrastructure_calls.h"
#include "server/listen_address.h"
#include "server/server_credentials.h"
#include "server/unary_call.h"
#include "server/user_service.h"
#include "server/worker_pool.h"

namespace userclient {
namespace {

constexpr int kStoreThreads = 4;
constexpr int kMaxSeedUsers = 1'000'000;

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
  std::shared_ptr<grpc::ServerCredentials> credentials;
  bool encrypted = false;
  bool health = false;
  bool reflection = false;
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> interceptor;
};

absl::StatusOr<Listener> Listen(ListenerOptions options, grpc::Service& service) {
  // gRPC says only that it failed, and writes the reason to its own log.
  const std::string reason = internal::WhyNotBindable(options.address);
  if (!reason.empty()) return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address.ToString(), ": ", reason));

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.address.ToString(), options.credentials, &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetOption(std::make_unique<ReflectionOption>(options.reflection));
  builder.RegisterService(&service);
  if (options.interceptor != nullptr) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
    interceptors.push_back(std::move(options.interceptor));
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
  }
  HealthServiceSwitch health(options.health);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server != nullptr && port != 0) {
    options.address.port = port;
    return Listener{std::move(server), std::move(options.address)};
  }
  if (options.encrypted)
    return absl::FailedPreconditionError("the TLS files cannot be used: the key must belong to the certificate, both in PEM");
  return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address.ToString()));
}

}  // namespace

class UserServer::Impl {
 public:
  explicit Impl(UserServerOptions options)
      : options_(std::move(options)),
        store_(options_.store != nullptr ? options_.store : MakeMemoryUserStore()),
        faults_(options_.faults != nullptr ? options_.faults : std::make_shared<FaultInjector>()),
        workers_(store_->MayBlock() ? std::make_unique<internal::WorkerPool>(kStoreThreads) : nullptr),
        environment_{.faults = *faults_,
                     .counters = counters_,
                     .workers = workers_.get(),
                     .name = options_.name,
                     .request_log = options_.request_log,
                     .on_attempt = options_.on_attempt},
        service_(*store_, environment_),
        fault_service_(*faults_, counters_) {}

  absl::Status Start() {
    absl::StatusOr<internal::ListenAddress> address = internal::ParseListenAddress(options_.listen_address);
    if (!address.ok()) return address.status();
    if (options_.seed_users < 0 || options_.seed_users > kMaxSeedUsers) {
      return absl::InvalidArgumentError(absl::StrCat("seed_users: must be from 0 to ", kMaxSeedUsers));
    }
    if (options_.token_file) {
      absl::StatusOr<std::string> token = internal::ReadTokenFile(*options_.token_file);
      if (!token.ok()) return token.status();
      environment_.token = *std::move(token);
    }
    absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials = internal::MakeServerCredentials(options_.tls);
    if (!credentials.ok()) return credentials.status();
    if (absl::Status seeded = store_->Seed(options_.seed_users); !seeded.ok()) {
      return absl::Status(seeded.code(), absl::StrCat("cannot seed the store: ", std::string(seeded.message())));
    }

    if (options_.admin_address) {
      if (absl::Status started = StartAdmin(*options_.admin_address); !started.ok()) return started;
    }
    absl::StatusOr<Listener> listener = Listen({.address = *address,
                                                .credentials = *credentials,
                                                .encrypted = options_.tls.has_value(),
                                                .health = true,
                                                .reflection = options_.reflection && !environment_.token,
                                                .interceptor = infrastructure_calls_.MakeInterceptorFactory()},
                                               service_);
    if (!listener.ok()) return listener.status();
    users_ = *std::move(listener);
    address_ = users_.address.ToString();
    users_.server->GetHealthCheckService()->SetServingStatus("user.v1.UserService", true);
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
      std::this_thread::sleep_for(std::min(limit / 2, options_.drain_notice));
      infrastructure_calls_.Close();
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

 private:
  absl::Status StartAdmin(const std::string& text) {
    absl::StatusOr<internal::ListenAddress> address = internal::ParseListenAddress(text);
    if (!address.ok()) return address.status();
    if (!address->IsLoopback()) {
      return absl::InvalidArgumentError(absl::StrCat("the fault service listens on loopback addresses only, not on ", text));
    }
    absl::StatusOr<Listener> listener =
        Listen({.address = *address, .credentials = grpc::InsecureServerCredentials()}, fault_service_);
    if (!listener.ok()) return listener.status();
    admin_ = *std::move(listener);
    return absl::OkStatus();
  }

  const UserServerOptions options_;
  const std::shared_ptr<UserStore> store_;
  const std::shared_ptr<FaultInjector> faults_;
  internal::CallCounters counters_;
  internal::InfrastructureCalls infrastructure_calls_;
  // Above the servers, so that it outlives their last call.
  std::unique_ptr<internal::WorkerPool> workers_;
  internal::CallEnvironment environment_;
  internal::UserServiceImpl service_;
  internal::FaultServiceImpl fault_service_;
  Listener users_;
  Listener admin_;
  std::string address_;

  absl::Mutex shutdown_mutex_;
  bool shut_down_ ABSL_GUARDED_BY(shutdown_mutex_) = false;
  absl::Status shutdown_result_ ABSL_GUARDED_BY(shutdown_mutex_);
};

absl::StatusOr<std::unique_ptr<UserServer>> UserServer::Start(UserServerOptions options) {
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
absl::Status UserServer::Shutdown(std::chrono::nanoseconds limit) { return impl_->Shutdown(limit); }

}  // namespace userclient
