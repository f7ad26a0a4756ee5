// What a caller's test does: a sick server in its own process, a network of the test's own, and the real client against both.

#include <iostream>
#include <memory>

#include "userclient/testing/fault_proxy.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_client.h"

int main() {
  absl::StatusOr<userclient::testing::FlakyUserServer> server = userclient::testing::FlakyUserServer::Start({.seed_users = 1});
  if (!server.ok()) {
    std::cerr << server.status() << "\n";
    return 1;
  }
  absl::StatusOr<std::unique_ptr<userclient::testing::FaultProxy>> network =
      userclient::testing::FaultProxy::Start({.upstream = server->address()});
  if (!network.ok()) {
    std::cerr << network.status() << "\n";
    return 1;
  }
  server->Script("GetUser", {userclient::testing::Fail(absl::StatusCode::kPermissionDenied)});
  absl::StatusOr<userclient::UserClient> client =
      userclient::UserClient::Create({.target = (*network)->address(), .credentials = userclient::Credentials::Insecure()});
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }

  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  absl::StatusOr<user::v1::GetUserResponse> user = client->GetUser(request);

  std::cout << server->attempts("GetUser") << " attempt, " << absl::StatusCodeToString(user.status().code()) << "\n";
}
