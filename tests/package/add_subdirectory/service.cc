#include "user/v1/user_service.grpc.pb.h"

namespace {

class Service final : public user::v1::UserService::Service {};

}  // namespace

int main() {
  const Service service;
  return service.has_synchronous_methods() ? 0 : 1;
}
