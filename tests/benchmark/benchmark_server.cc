// A GetUser for measurements that the reference server has no use for: many addresses, and calls that wait for each other.
//
//   benchmark_server ADDRESSES    listens on as many loopback addresses, each with a port of its own, and prints
//                                 "listening on ipv4:127.0.0.1:P,127.0.0.2:P,..."; ends by a signal
//
// By user_id:
//
//   wave-N         is answered when N calls with this id wait, together with the others
//   waiting        answers at once, with the number of calls that wait as created_at_unix
//   connections    answers at once, with the number of connections that have brought a call
//   anything else  answers at once with a user

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <unistd.h>

#include <charconv>
#include <deque>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "user/v1/user_service.grpc.pb.h"

namespace userclient::benchmark {
namespace {

using user::v1::GetUserRequest;
using user::v1::GetUserResponse;

constexpr std::string_view kWave = "wave-";

/// The whole text as a number from 1 on; else 0.
int64_t NumberOf(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0 ? number : 0;
}

/// What the servers of all addresses share.
class Calls {
 public:
  using Reactors = std::vector<grpc::ServerUnaryReactor*>;

  /// `address`: where the call has arrived. Returns whom to answer now.
  Reactors Arrive(const std::string& address, const std::string& peer, const GetUserRequest& request, GetUserResponse& response,
                  grpc::ServerUnaryReactor* reactor) {
    const std::string_view user_id = request.user_id();
    const std::lock_guard lock(mutex_);
    // Connections to different addresses may have the same port at the client's end.
    connections_.insert(absl::StrCat(address, " ", peer));
    if (user_id.starts_with(kWave)) return Join(user_id.substr(kWave.size()), reactor);
    if (user_id == "waiting") response.set_created_at_unix(waiting_);
    if (user_id == "connections") response.set_created_at_unix(static_cast<int64_t>(connections_.size()));
    return {reactor};
  }

 private:
  Reactors Join(std::string_view size, grpc::ServerUnaryReactor* reactor) {
    const int64_t calls = NumberOf(size);
    Reactors& wave = waves_[calls];
    wave.push_back(reactor);
    ++waiting_;
    if (static_cast<int64_t>(wave.size()) < calls) return {};
    waiting_ -= static_cast<int64_t>(wave.size());
    return std::exchange(wave, {});
  }

  std::mutex mutex_;
  std::unordered_set<std::string> connections_;
  std::map<int64_t, Reactors> waves_;
  int64_t waiting_ = 0;
};

/// One address. Each has a server of its own, because a call does not know the address at which it has arrived.
class Endpoint final : public user::v1::UserService::CallbackService {
 public:
  Endpoint(Calls& calls, std::string host) : calls_(calls), host_(std::move(host)) {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(absl::StrCat(host_, ":0"), grpc::InsecureServerCredentials(), &port_);
    server_ = builder.BuildAndStart();
  }

  const std::string& host() const { return host_; }
  /// 0: it does not listen.
  int port() const { return server_ == nullptr ? 0 : port_; }

  grpc::ServerUnaryReactor* GetUser(grpc::CallbackServerContext* context, const GetUserRequest* request,
                                    GetUserResponse* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    response->set_user_id(request->user_id());
    response->set_email("user1@example.com");
    response->set_display_name("User 1");
    response->set_created_at_unix(1'700'000'000);
    for (grpc::ServerUnaryReactor* answered : calls_.Arrive(host_, context->peer(), *request, *response, reactor)) {
      answered->Finish(grpc::Status::OK);
    }
    return reactor;
  }

 private:
  Calls& calls_;
  const std::string host_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

int Serve(int addresses) {
  Calls calls;
  std::deque<Endpoint> endpoints;
  std::string target;
  for (int i = 0; i < addresses; ++i) {
    const Endpoint& endpoint = endpoints.emplace_back(calls, absl::StrCat("127.0.", i / 250, ".", i % 250 + 1));
    if (endpoint.port() == 0) {
      std::cerr << "benchmark_server: cannot listen on " << endpoint.host() << "; are there enough descriptors (ulimit -n)?"
                << std::endl;
      return 1;
    }
    absl::StrAppend(&target, i == 0 ? "ipv4:" : ",", endpoint.host(), ":", endpoint.port());
  }
  std::cout << "listening on " << target << std::endl;
  pause();
  return 0;
}

}  // namespace
}  // namespace userclient::benchmark

int main(int argc, char** argv) {
  const int64_t addresses = argc == 2 ? userclient::benchmark::NumberOf(argv[1]) : 0;
  if (addresses < 1 || addresses > 10'000) {
    std::cerr << "usage: benchmark_server ADDRESSES (1 to 10000)" << std::endl;
    return 2;
  }
  return userclient::benchmark::Serve(static_cast<int>(addresses));
}
