// The smallest program that links userclient: fetches one user and prints the answer.
//
//   quickstart dns:///localhost:50051 u-42

#include <chrono>
#include <iostream>

#include "userclient/user_client.h"

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  if (argc != 3) {
    std::cerr << "usage: quickstart TARGET USER_ID\n";
    return 2;
  }

  absl::StatusOr<userclient::UserClient> client =
      userclient::UserClient::Create({.target = argv[1], .credentials = userclient::Credentials::Insecure()});
  if (!client.ok()) {
    std::cerr << client.status().message() << "\n";
    return 1;
  }

  user::v1::GetUserRequest request;
  request.set_user_id(argv[2]);
  absl::StatusOr<user::v1::GetUserResponse> user = client->GetUser(request, {.timeout = 500ms});
  if (!user.ok()) {
    std::cerr << user.status().ToString(absl::StatusToStringMode::kWithNoExtraData) << "\n";
    return 1;
  }
  std::cout << user->user_id() << " " << user->display_name() << " <" << user->email() << ">\n";
}
