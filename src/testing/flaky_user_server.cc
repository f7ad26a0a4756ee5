#include "userclient/testing/flaky_user_server.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "testing/socket.h"
#include "user/v1/user_service.pb.h"

namespace userclient::testing {
namespace {

template <typename Change>
Step Changed(Fault fault, Change change) {
  change(fault);
  return Step(std::move(fault));
}

[[noreturn]] void Abort(std::string_view function, std::string_view why) {
  std::fprintf(stderr, "FlakyUserServer::%s: %s\n", std::string(function).c_str(), std::string(why).c_str());
  std::abort();
}

/// Which attempts are of this method.
class OfMethod {
 public:
  /// `function` is whom the caller has called.
  OfMethod(std::string_view function, std::string_view method) : method_(method), all_(method == "*") {
    if (all_) return;
    const auto& service = *user::v1::GetUserRequest::descriptor()->file()->FindServiceByName("UserService");
    if (service.FindMethodByName(std::string(method)) != nullptr) return;
    std::string names;
    for (int i = 0; i < service.method_count(); ++i)
      absl::StrAppend(&names, "\"", std::string(service.method(i)->name()), "\", ");
    Abort(function, absl::StrCat("\"", method_, "\" is no method of UserService: ", names, "or \"*\""));
  }

  bool operator()(const ReceivedAttempt& attempt) const { return all_ || attempt.method == method_; }

 private:
  std::string method_;
  bool all_;
};

/// The attempts that have arrived, over all lives of the server. Thread-safe.
class Arrivals {
 public:
  void Add(const ReceivedAttempt& attempt) {
    absl::MutexLock lock(&mutex_);
    attempts_.push_back(attempt);
  }

  void Clear() {
    absl::MutexLock lock(&mutex_);
    attempts_.clear();
  }

  template <typename Predicate>
  std::vector<ReceivedAttempt> Those(Predicate predicate) const {
    absl::MutexLock lock(&mutex_);
    std::vector<ReceivedAttempt> those;
    std::copy_if(attempts_.begin(), attempts_.end(), std::back_inserter(those), predicate);
    return those;
  }

  template <typename Predicate>
  int64_t Count(Predicate predicate) const {
    absl::MutexLock lock(&mutex_);
    return std::count_if(attempts_.begin(), attempts_.end(), predicate);
  }

  bool Await(const OfMethod& predicate, int64_t count, std::chrono::nanoseconds limit) const {
    const auto arrived = [this, &predicate, count]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return std::count_if(attempts_.begin(), attempts_.end(), predicate) >= count;
    };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&arrived), absl::FromChrono(limit));
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<ReceivedAttempt> attempts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

Step Step::WithPushback(std::chrono::milliseconds pushback) const {
  return Changed(fault_, [pushback](Fault& fault) { fault.pushback_ms = pushback.count(); });
}
Step Step::WithPushbackStop() const {
  return Changed(fault_, [](Fault& fault) { fault.pushback_ms = -1; });
}
Step Step::WithDelay(std::chrono::nanoseconds delay) const {
  return Changed(fault_, [delay](Fault& fault) { fault.delay = delay; });
}
Step Step::WithHeaders() const {
  return Changed(fault_, [](Fault& fault) { fault.headers = true; });
}
Step Step::WithTrailer(std::string key, std::string value) const {
  return Changed(fault_, [&](Fault& fault) { fault.metadata.emplace_back(std::move(key), std::move(value)); });
}
Step Step::WithViolation(std::string field, std::string description) const {
  return Changed(fault_, [&](Fault& fault) { fault.violations.emplace_back(std::move(field), std::move(description)); });
}
Step Step::Times(int times) const {
  return Changed(fault_, [times](Fault& fault) { fault.times = times; });
}
Step Step::After(int64_t messages) const {
  return Changed(fault_, [messages](Fault& fault) { fault.after = messages; });
}

Step Fail(absl::StatusCode code, std::string message) { return Step({.status = code, .message = std::move(message)}); }
Step Ok() { return Step(Fault()); }
Step Hang() { return Step({.hang = true}); }
Step Delay(std::chrono::nanoseconds delay) { return Step({.delay = delay}); }
Step Throw() { return Step({.throws = true}); }
Step Garbage() { return Step({.garbage = true}); }
Step Drop() { return Step({.drop = true}); }
Step Slow(std::chrono::nanoseconds pause) { return Step({.slow = pause}); }
Step NeverHalfClose() { return Step({.never_half_close = true}); }

struct FlakyUserServer::Impl {
  UserServerOptions ServerOptions() {
    return {
        .listen_address = address,
        .store = store,
        .seed_users = options.seed_users,
        .seed_activity = options.seed_activity,
        .watch_heartbeat = options.watch_heartbeat,
        .faults = faults,
        .name = options.name,
        .tls = options.tls,
        .token_file = options.token_file,
        .rate_limit = options.rate_limit,
        .max_concurrent_calls = options.max_concurrent_calls,
        .max_concurrent_streams = options.max_concurrent_streams,
        .max_connection_age = options.max_connection_age,
        .max_connection_age_grace = options.max_connection_age_grace,
        .on_attempt = [arrived = arrivals](const ReceivedAttempt& attempt) { arrived->Add(attempt); },
        // A test waits for conditions, not for clients to move away.
        .drain_notice = std::chrono::nanoseconds(0),
    };
  }

  /// Before the first start. What cannot be bound the server itself will tell of; a name is the server's to look up.
  void ReservePort() {
    const absl::StatusOr<internal::SocketAddress> wanted = internal::SocketAddress::Parse(address);
    if (!wanted.ok()) return;
    reserved = internal::Socket::Bind(*wanted);
    if (reserved) address = internal::SocketAddress::Of(reserved.get()).ToString();
  }

  absl::Status Start() {
    absl::StatusOr<std::unique_ptr<UserServer>> started = UserServer::Start(ServerOptions());
    if (!started.ok()) return started.status();
    absl::MutexLock lock(&mutex);
    server = *std::move(started);
    return absl::OkStatus();
  }

  absl::Status Shutdown(std::chrono::nanoseconds limit) {
    std::shared_ptr<UserServer> stopping;
    {
      absl::MutexLock lock(&mutex);
      stopping = std::exchange(server, nullptr);
    }
    return stopping != nullptr ? stopping->Shutdown(limit) : absl::OkStatus();
  }

  void Script(std::string_view method, const std::vector<Step>& steps, bool repeat) {
    std::vector<Fault> script;
    script.reserve(steps.size());
    for (const Step& step : steps) script.push_back(step.fault());
    const absl::Status scripted = faults->Script(method, std::move(script), repeat);
    if (!scripted.ok()) Abort("Script", std::string(scripted.message()));
  }

  FlakyUserServerOptions options;
  std::shared_ptr<UserStore> store;
  std::shared_ptr<FaultInjector> faults = std::make_shared<FaultInjector>();
  std::shared_ptr<Arrivals> arrivals = std::make_shared<Arrivals>();
  // Fixed after the first start: a restart takes the same port, which nobody else is given in the meantime.
  std::string address;
  int port = 0;
  internal::Socket reserved;

  absl::Mutex mutex;
  std::shared_ptr<UserServer> server ABSL_GUARDED_BY(mutex);
};

absl::StatusOr<FlakyUserServer> FlakyUserServer::Start(FlakyUserServerOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->store = options.store != nullptr ? options.store : MakeMemoryUserStore();
  impl->address = options.listen_address;
  impl->options = std::move(options);
  impl->ReservePort();
  if (absl::Status started = impl->Start(); !started.ok()) return started;
  {
    absl::MutexLock lock(&impl->mutex);
    impl->address = impl->server->address();
    impl->port = impl->server->port();
  }
  return FlakyUserServer(std::move(impl));
}

FlakyUserServer::FlakyUserServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FlakyUserServer::FlakyUserServer(FlakyUserServer&&) noexcept = default;
FlakyUserServer& FlakyUserServer::operator=(FlakyUserServer&&) noexcept = default;
FlakyUserServer::~FlakyUserServer() = default;

const std::string& FlakyUserServer::address() const { return impl_->address; }
int FlakyUserServer::port() const { return impl_->port; }

void FlakyUserServer::Script(std::string_view method, const std::vector<Step>& steps) { impl_->Script(method, steps, false); }
void FlakyUserServer::ScriptRepeatedly(std::string_view method, const std::vector<Step>& steps) {
  impl_->Script(method, steps, true);
}

std::optional<int64_t> FlakyUserServer::steps_left(std::string_view method) const {
  const absl::StatusOr<std::optional<int64_t>> left = impl_->faults->StepsLeft(method);
  if (!left.ok()) Abort("steps_left", std::string(left.status().message()));
  return *left;
}

absl::Status FlakyUserServer::SetFaults(std::string_view json) { return impl_->faults->Set(json); }

int64_t FlakyUserServer::attempts(std::string_view method) const { return impl_->arrivals->Count(OfMethod("attempts", method)); }

int64_t FlakyUserServer::calls(std::string_view method) const {
  return impl_->arrivals->Count([of_method = OfMethod("calls", method)](const ReceivedAttempt& attempt) {
    return of_method(attempt) && attempt.previous_attempts == 0;
  });
}

std::vector<ReceivedAttempt> FlakyUserServer::ReceivedAttempts(std::string_view method) const {
  return impl_->arrivals->Those(OfMethod("ReceivedAttempts", method));
}

std::vector<ReceivedAttempt> FlakyUserServer::requests() const {
  return impl_->arrivals->Those([](const ReceivedAttempt&) { return true; });
}

int64_t FlakyUserServer::open_streams() const {
  absl::MutexLock lock(&impl_->mutex);
  return impl_->server != nullptr ? impl_->server->open_streams() : 0;
}

void FlakyUserServer::ClearRequests() { impl_->arrivals->Clear(); }

bool FlakyUserServer::AwaitAttempts(std::string_view method, int64_t count, std::chrono::nanoseconds limit) const {
  return impl_->arrivals->Await(OfMethod("AwaitAttempts", method), count, limit);
}

void FlakyUserServer::Stop() { impl_->Shutdown(std::chrono::nanoseconds(0)).IgnoreError(); }

absl::Status FlakyUserServer::Shutdown(std::chrono::nanoseconds limit) { return impl_->Shutdown(limit); }

absl::Status FlakyUserServer::Restart() {
  Stop();
  return impl_->Start();
}

}  // namespace userclient::testing
