// Fetches a user, and prints what Prometheus would be told of it.
//
//   observed TARGET USER_ID

#include "userclient/prometheus.h"

#include <iostream>

#include "userclient/user_client.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  absl::StatusOr<std::shared_ptr<userclient::PrometheusObserver>> metrics = userclient::PrometheusObserver::Create();
  if (!metrics.ok()) {
    std::cerr << metrics.status() << "\n";
    return 1;
  }
  absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create(
      {.target = argv[1], .credentials = userclient::Credentials::Insecure(), .observers = {*metrics}});
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }

  user::v1::GetUserRequest request;
  request.set_user_id(argv[2]);
  absl::StatusOr<user::v1::GetUserResponse> user = client->GetUser(request);

  std::cout << (*metrics)->Text();
  return user.ok() ? 0 : 1;
}
