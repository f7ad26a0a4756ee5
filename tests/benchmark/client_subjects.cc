#include "tests/benchmark/client_subjects.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "tests/benchmark/async_subject.h"
#include "tests/benchmark/blocking_subject.h"
#include "tests/benchmark/observers.h"
#include "userclient/client_options.h"
#include "userclient/user_client.h"

namespace userclient::benchmark {
namespace {

using user::v1::GetUserRequest;
using user::v1::GetUserResponse;

GetUserRequest RequestOf(const SubjectOptions& options) {
  GetUserRequest request;
  request.set_user_id(options.user_id);
  return request;
}

absl::StatusOr<UserClient> MakeClient(const SubjectOptions& options, const std::string& service_config) {
  ClientOptions client{.service_config_json = service_config};
  if (!options.observer.empty()) {
    absl::StatusOr<std::shared_ptr<Observer>> observer = MakeObserver(options.observer);
    if (!observer.ok()) return observer.status();
    client.observers = {*std::move(observer)};
  }
  if (!IsList(options.target)) {
    client.target = options.target;
    client.credentials = Credentials::Insecure();
    return UserClient::Create(client);
  }
  client.channel_factory = [target = options.target](grpc::ChannelArguments arguments) {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, kAuthorityOfLists);
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  };
  return UserClient::Create(client);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Subject>> CallByClient(const SubjectOptions& options, const std::string& service_config) {
  absl::StatusOr<UserClient> client = MakeClient(options, service_config);
  if (!client.ok()) return client.status();
  return std::make_unique<BlockingSubject>(
      [client = *std::move(client), request = RequestOf(options)] { return client.GetUser(request).status(); });
}

absl::StatusOr<std::unique_ptr<Subject>> CallByClientAsync(const SubjectOptions& options, const std::string& service_config) {
  absl::StatusOr<UserClient> client = MakeClient(options, service_config);
  if (!client.ok()) return client.status();
  return std::make_unique<AsyncSubject>([client = *std::move(client),
                                         request = RequestOf(options)](AsyncSubject::Caller& caller) {
    client.GetUserAsync(request).Then([&caller](const absl::StatusOr<GetUserResponse>& user) { caller.OnDone(user.status()); });
  });
}

}  // namespace userclient::benchmark
