#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/chaos/caller.h"
#include "userclient/user_client.h"

namespace userclient::chaos {
namespace {

class UserclientCaller final : public Caller {
 public:
  explicit UserclientCaller(UserClient client) : client_(std::move(client)) {}
  ~UserclientCaller() override { client_.Shutdown(std::chrono::seconds(10)); }

  void GetUser(const user::v1::GetUserRequest& request, Timeout timeout, std::function<void(const absl::Status&)> done) override {
    client_.GetUserAsync(request, {.timeout = timeout}).Then([done = std::move(done)](const auto& user) { done(user.status()); });
  }

  absl::Status GetUserBlocking(const user::v1::GetUserRequest& request, Timeout timeout) override {
    return client_.GetUser(request, {.timeout = timeout}).status();
  }

  void CreateUser(const user::v1::CreateUserRequest& request, Timeout timeout,
                  std::function<void(const absl::StatusOr<user::v1::CreateUserResponse>&)> done) override {
    client_.CreateUserAsync(request, {.timeout = timeout}).Then(std::move(done));
  }

  absl::Status StreamActivity(const user::v1::StreamActivityRequest& request, const std::stop_token& over,
                              const Take<user::v1::ActivityEvent>& take) override {
    auto stream = client_.StreamActivity(request, {.stop = over});
    for (const user::v1::ActivityEvent& event : stream) take(event);
    return stream.status();
  }

  absl::Status WatchUsers(const std::stop_token& over, const std::function<void()>& started,
                          const Take<user::v1::WatchUsersResponse>& take) override {
    UserWatch watch = client_.WatchUsers({}, {.stop = over});
    if (watch.WaitStarted(std::chrono::seconds(30))) started();
    while (const std::optional<UserWatch::Change> change = watch.Next()) take(*change);
    return watch.status();
  }

 private:
  const UserClient client_;
};

}  // namespace

std::unique_ptr<Caller> MakeUserclientCaller(const Reach& reach, const std::string& service_config) {
  absl::StatusOr<UserClient> client = UserClient::Create({
      .target = reach.target,
      .credentials =
          reach.root_certificates ? Credentials::Tls({.root_certificates = reach.root_certificates}) : Credentials::Insecure(),
      .service_config_json = service_config,
      // Certificates change within seconds here, not within days.
      .file_check_interval = std::chrono::seconds(1),
  });
  if (!client.ok()) {
    std::fprintf(stderr, "chaos: there can be no client: %s\n", std::string(client.status().message()).c_str());
    std::exit(1);
  }
  return std::make_unique<UserclientCaller>(*std::move(client));
}

}  // namespace userclient::chaos
