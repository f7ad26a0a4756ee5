#include "tests/benchmark/stream_subject.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <coroutine>
#include <deque>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "user/v1/user_service.grpc.pb.h"
#include "userclient/user_client.h"

namespace userclient::benchmark {
namespace {

using user::v1::ActivityEvent;
using user::v1::StreamActivityRequest;
using user::v1::UserService;
using Reading = StreamSubject::Reading;

constexpr auto kTimeout = std::chrono::minutes(1);

/// A user that `user_server --seed-users` makes.
StreamActivityRequest Request() {
  StreamActivityRequest request;
  request.set_user_id("u-1");
  return request;
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

std::shared_ptr<UserService::Stub> MakeStub(const std::string& target) {
  return UserService::NewStub(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()));
}

absl::StatusOr<UserClient> MakeClient(const std::string& target, const std::string& service_config) {
  return UserClient::Create({.target = target, .credentials = Credentials::Insecure(), .service_config_json = service_config});
}

class StreamLoop : public ClosedLoop {
 public:
  StreamLoop(int callers, const StreamSubject::Read& read) : readings_(static_cast<size_t>(callers)) {
    for (Reading& reading : readings_) threads_.emplace_back(read, std::ref(reading));
    for (const Reading& reading : readings_) reading.WaitUntilWarm();
  }

  ~StreamLoop() override { Stop().IgnoreError(); }

  int64_t calls() const override {
    int64_t sum = 0;
    for (const Reading& reading : readings_) sum += reading.messages();
    return sum;
  }

  absl::Status Stop() override {
    for (Reading& reading : readings_) reading.Stop();
    absl::Status first_error;
    for (Reading& reading : readings_) first_error.Update(reading.Wait());
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    return first_error;
  }

 private:
  std::deque<Reading> readings_;
  std::vector<std::thread> threads_;
};

/// One stream after the other, as gRPC calls back.
class StubReader final : public grpc::ClientReadReactor<ActivityEvent> {
 public:
  static void Begin(UserService::Stub& stub, Reading& reading) { new StubReader(stub, reading); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (reading_.Count()) return StartRead(&event_);
    left_ = true;
    context_.TryCancel();
  }

  void OnDone(const grpc::Status& status) override {
    UserService::Stub& stub = stub_;
    Reading& reading = reading_;
    const bool left = left_;
    // First: the context holds the channel, whose end gRPC 1.51 does not survive on a thread that calls back.
    delete this;
    if (left) return reading.End(absl::OkStatus());
    if (!status.ok()) return reading.End(ToStatus(status));
    Begin(stub, reading);
  }

 private:
  StubReader(UserService::Stub& stub, Reading& reading) : stub_(stub), reading_(reading) {
    context_.set_deadline(std::chrono::system_clock::now() + kTimeout);
    stub_.async()->StreamActivity(&context_, &request_, this);
    StartRead(&event_);
    StartCall();
  }

  UserService::Stub& stub_;
  Reading& reading_;
  grpc::ClientContext context_;
  const StreamActivityRequest request_ = Request();
  ActivityEvent event_;
  bool left_ = false;
};

/// A coroutine that nobody waits for.
struct Detached {
  struct promise_type {  // NOLINT(readability-identifier-naming): the language's name
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

// NOLINTNEXTLINE(performance-unnecessary-value-param): it goes on when its caller has returned
Detached ReadAsync(const UserClient client, Reading& reading) {
  absl::Status status;
  bool go_on = true;
  while (go_on && status.ok()) {
    MessageStream<ActivityEvent> stream = client.StreamActivity(Request());
    while (go_on) {
      const absl::StatusOr<std::optional<ActivityEvent>> event = co_await stream.NextAsync();
      status = event.status();
      if (!status.ok() || !*event) break;
      go_on = reading.Count();
    }
  }
  reading.End(std::move(status));
}

}  // namespace

void StreamSubject::Reading::End(absl::Status status) {
  // Whoever waits until it is warm waits no longer.
  messages_.fetch_add(kWarm, std::memory_order_relaxed);
  messages_.notify_all();
  // Under the lock: whoever waits may destroy this as soon as it sees the end.
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
  ended_ = true;
  changed_.notify_all();
}

void StreamSubject::Reading::WaitUntilWarm() const {
  for (int64_t seen = messages_; seen < kWarm; seen = messages_) messages_.wait(seen);
}

absl::Status StreamSubject::Reading::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  return status_;
}

absl::Status StreamSubject::Call(int64_t count, int /*in_flight*/) {
  Reading reading(count);
  std::thread thread(read_, std::ref(reading));
  absl::Status status = reading.Wait();
  thread.join();
  return status;
}

std::unique_ptr<ClosedLoop> StreamSubject::Start(int callers) { return std::make_unique<StreamLoop>(callers, read_); }

std::unique_ptr<Subject> ReadByStub(const std::string& target) {
  return std::make_unique<StreamSubject>([stub = MakeStub(target)](Reading& reading) {
    grpc::Status status;
    bool go_on = true;
    while (go_on && status.ok()) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + kTimeout);
      const auto reader = stub->StreamActivity(&context, Request());
      // As a caller of the SDK has it: a message of his own each time.
      for (ActivityEvent event; go_on && reader->Read(&event); event = ActivityEvent()) go_on = reading.Count();
      if (!go_on) context.TryCancel();
      status = reader->Finish();
    }
    reading.End(go_on ? ToStatus(status) : absl::OkStatus());
  });
}

std::unique_ptr<Subject> ReadByStubCallback(const std::string& target) {
  return std::make_unique<StreamSubject>([stub = MakeStub(target)](Reading& reading) { StubReader::Begin(*stub, reading); });
}

absl::StatusOr<std::unique_ptr<Subject>> ReadByClient(const std::string& target, const std::string& service_config) {
  absl::StatusOr<UserClient> client = MakeClient(target, service_config);
  if (!client.ok()) return client.status();
  return std::make_unique<StreamSubject>([client = *std::move(client)](Reading& reading) {
    absl::Status status;
    bool go_on = true;
    while (go_on && status.ok()) {
      MessageStream<ActivityEvent> stream = client.StreamActivity(Request());
      while (go_on && stream.Next()) go_on = reading.Count();
      if (go_on) status = stream.status();
    }
    reading.End(std::move(status));
  });
}

absl::StatusOr<std::unique_ptr<Subject>> ReadByClientAsync(const std::string& target, const std::string& service_config) {
  absl::StatusOr<UserClient> client = MakeClient(target, service_config);
  if (!client.ok()) return client.status();
  return std::make_unique<StreamSubject>([client = *std::move(client)](Reading& reading) { ReadAsync(client, reading); });
}

}  // namespace userclient::benchmark
