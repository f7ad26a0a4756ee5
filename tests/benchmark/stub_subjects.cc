#include "tests/benchmark/stub_subjects.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "tests/benchmark/async_subject.h"
#include "tests/benchmark/blocking_subject.h"
#include "user/v1/user_service.grpc.pb.h"

namespace userclient::benchmark {
namespace {

using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::UserService;

GetUserRequest RequestOf(const SubjectOptions& options) {
  GetUserRequest request;
  request.set_user_id(options.user_id);
  return request;
}

/// As the built-in service config has it for GetUser.
std::chrono::seconds TimeoutOf(const SubjectOptions& options) {
  return options.patient ? std::chrono::minutes(10) : std::chrono::seconds(5);
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

/// The channels in turns.
class Stubs {
 public:
  Stubs(const std::string& target, const StubChannels& channels) {
    // An argument that gRPC does not know keeps channels from sharing their connections.
    static std::atomic<int> made{0};
    for (int i = 0; i < channels.count; ++i) {
      grpc::ChannelArguments arguments = channels.arguments;
      arguments.SetInt("benchmark.channel", made++);
      if (IsList(target)) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, kAuthorityOfLists);
      stubs_.push_back(UserService::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments)));
    }
  }

  UserService::Stub& Next() {
    if (stubs_.size() == 1) return *stubs_.front();
    return *stubs_[next_.fetch_add(1, std::memory_order_relaxed) % stubs_.size()];
  }

 private:
  std::vector<std::unique_ptr<UserService::Stub>> stubs_;
  std::atomic<size_t> next_{0};
};

}  // namespace

std::unique_ptr<Subject> CallByStub(const SubjectOptions& options, const StubChannels& channels) {
  return std::make_unique<BlockingSubject>(
      [stubs = std::make_shared<Stubs>(options.target, channels), request = RequestOf(options), timeout = TimeoutOf(options)] {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + timeout);
        GetUserResponse response;
        return ToStatus(stubs->Next().GetUser(&context, request, &response));
      });
}

std::unique_ptr<Subject> CallByStubCallback(const SubjectOptions& options, const StubChannels& channels) {
  /// What has to outlive the function that starts a call.
  struct Call {
    grpc::ClientContext context{};
    GetUserRequest request{};
    GetUserResponse response{};
    AsyncSubject::Caller* caller = nullptr;
  };
  return std::make_unique<AsyncSubject>([stubs = std::make_shared<Stubs>(options.target, channels), request = RequestOf(options),
                                         timeout = TimeoutOf(options)](AsyncSubject::Caller& caller) {
    auto* const call = new Call{.request = request, .caller = &caller};
    call->context.set_deadline(std::chrono::system_clock::now() + timeout);
    stubs->Next().async()->GetUser(&call->context, &call->request, &call->response, [call](const grpc::Status& status) {
      AsyncSubject::Caller& ended = *call->caller;
      // First: the context holds the channel, whose end gRPC 1.51 does not survive on a thread that calls back.
      delete call;
      ended.OnDone(ToStatus(status));
    });
  });
}

}  // namespace userclient::benchmark
