// Fetches a user, with traces and metrics for the providers that the process has set, which are none here.
//
//   observed TARGET USER_ID

#include "userclient/opentelemetry.h"

#include <iostream>

#include "userclient/user_client.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  absl::StatusOr<userclient::UserClient> client =
      userclient::UserClient::Create({.target = argv[1],
                                      .credentials = userclient::Credentials::Insecure(),
                                      .observers = {userclient::OpenTelemetryObserver::Create()}});
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }

  user::v1::GetUserRequest request;
  request.set_user_id(argv[2]);
  absl::StatusOr<user::v1::GetUserResponse> user = client->GetUser(request);

  std::cout << "observed " << absl::StatusCodeToString(user.status().code()) << "\n";
  return user.ok() ? 0 : 1;
}
