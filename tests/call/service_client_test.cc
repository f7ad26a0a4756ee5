// The core serves any generated stub: here userclient.v1.FaultService, which knows nothing of users.

#include "userclient/service_client.h"

#include <gtest/gtest.h>

#include "tests/support/test_client.h"
#include "userclient/server/user_server.h"
#include "userclient/v1/fault_service.grpc.pb.h"

namespace userclient::testing {
namespace {

using v1::FaultService;
using v1::GetCountersRequest;
using v1::GetCountersResponse;
using v1::SetFaultsRequest;
using v1::SetFaultsResponse;

/// One line for each RPC.
class FaultClient {
 public:
  using Stub = FaultService::StubInterface;

  explicit FaultClient(ServiceClient<FaultService> service) : service_(std::move(service)) {}

  absl::StatusOr<SetFaultsResponse> SetFaults(const SetFaultsRequest& request, const CallOptions& options = {}) const {
    return service_.Call(set_faults_, request, options);
  }
  PendingCall<GetCountersResponse> GetCountersAsync(GetCountersRequest request, CallOptions options = {}) const {
    return service_.Start(get_counters_, std::move(request), std::move(options));
  }

 private:
  ServiceClient<FaultService> service_;
  UnaryMethod<Stub, SetFaultsRequest, SetFaultsResponse> set_faults_ = service_.Unary("SetFaults", &Stub::SetFaults);
  UnaryMethod<Stub, GetCountersRequest, GetCountersResponse> get_counters_ = service_.Unary("GetCounters", &Stub::GetCounters);
};

class ServiceClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<UserServer>> server = UserServer::Start({.admin_address = "127.0.0.1:0", .seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  absl::StatusOr<ServiceClient<FaultService>> Connect(const std::string& config) {
    return ServiceClient<FaultService>::Create({.target = "127.0.0.1:" + std::to_string(server_->admin_port()),
                                                .credentials = Credentials::Insecure(),
                                                .service_config_json = config});
  }

  std::unique_ptr<UserServer> server_;
};

TEST_F(ServiceClientTest, CallsAServiceOfItsOwn) {
  auto service = Connect(R"({"methodConfig": [{"name": [{"service": "userclient.v1.FaultService"}], "timeout": "10s"}]})");
  ASSERT_TRUE(service.ok()) << service.status();
  const FaultClient client(*std::move(service));
  SetFaultsRequest faults;
  faults.set_faults_json(R"({"faults": [{"method": "GetUser", "status": "ABORTED"}]})");

  const auto set = client.SetFaults(faults);
  const auto user = ConnectTo("127.0.0.1:" + std::to_string(server_->port())).GetUser(AskFor("u-1"));
  const auto counters = client.GetCountersAsync({}).Get();

  EXPECT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(user.status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(counters.ok()) << counters.status();
}

TEST_F(ServiceClientTest, HoldsTheConfigAgainstTheServiceItWraps) {
  const auto unknown_method =
      Connect(R"({"methodConfig": [{"name": [{"service": "userclient.v1.FaultService", "method": "Nope"}], "timeout": "1s"}]})");

  EXPECT_EQ(unknown_method.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace userclient::testing
