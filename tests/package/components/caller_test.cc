// What a caller's test does: a sick server in its own process, and the real client against it.

#include <iostream>

#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_client.h"

int main() {
  absl::StatusOr<userclient::testing::FlakyUserServer> server = userclient::testing::FlakyUserServer::Start({.seed_users = 1});
  if (!server.ok()) {
    std::cerr << server.status() << "\n";
    return 1;
  }
  server->Script("GetUser", {userclient::testing::Fail(absl::StatusCode::kPermissionDenied)});
  absl::StatusOr<userclient::UserClient> client =
      userclient::UserClient::Create({.target = server->address(), .credentials = userclient::Credentials::Insecure()});
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }

  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  absl::StatusOr<user::v1::GetUserResponse> user = client->GetUser(request);

  std::cout << server->attempts("GetUser") << " attempt, " << absl::StatusCodeToString(user.status().code()) << "\n";
}
