// Reads orders through OrderClient.
//
//   read_orders TARGET SERVICE_CONFIG get ORDER_ID
//   read_orders TARGET SERVICE_CONFIG list CUSTOMER_ID
//   read_orders TARGET SERVICE_CONFIG repeat ORDER_ID      gets it 50 times, and shows what the client has seen meanwhile

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "order_client.h"
#include "userclient/observer.h"
#include "userclient/rejection.h"

namespace {

/// Sees every call, attempt and change of every client that it is given to; this one tells of circuit breakers alone.
class CircuitTeller final : public userclient::Observer {
 public:
  void OnCircuitChange(const userclient::ObservedClient& /*client*/, std::string_view compartment,
                       const userclient::CircuitTransition& change) override {
    std::cerr << compartment << ": " << CircuitStateName(change.from) << " -> " << CircuitStateName(change.to) << std::endl;
  }
};

int Fail(const absl::Status& status) {
  std::cerr << status.ToString(absl::StatusToStringMode::kWithNoExtraData) << "\n";
  return 1;
}

void Show(const orders::v1::Order& order) {
  std::cout << order.order_id() << " " << order.customer_id() << " " << order.quantity() << " x " << order.article() << "\n";
}

void ShowAttempts(const userclient::CallReport& report) {
  if (report.attempts.size() > 1) std::cerr << report.attempts.size() << " attempts\n";
}

int Get(const orders::OrderClient& client, const char* order_id) {
  orders::v1::GetOrderRequest request;
  request.set_order_id(order_id);
  userclient::CallReport report;
  const absl::StatusOr<orders::v1::GetOrderResponse> response = client.GetOrder(request, {.report = &report});
  ShowAttempts(report);
  if (!response.ok()) return Fail(response.status());
  Show(response->order());
  return 0;
}

int List(const orders::OrderClient& client, const char* customer_id) {
  orders::v1::ListOrdersRequest request;
  request.set_customer_id(customer_id);
  userclient::CallReport report;
  userclient::MessageStream<orders::v1::ListOrdersResponse> stream = client.ListOrders(request, {.report = &report});
  for (const orders::v1::ListOrdersResponse& response : stream) Show(response.order());
  ShowAttempts(report);
  return stream.status().ok() ? 0 : Fail(stream.status());
}

int Repeat(const orders::OrderClient& client, const char* order_id) {
  constexpr int kCalls = 50;
  orders::v1::GetOrderRequest request;
  request.set_order_id(order_id);
  int answered = 0;
  int refused = 0;
  for (int i = 0; i < kCalls; ++i) {
    const absl::Status status = client.GetOrder(request).status();
    if (status.ok()) ++answered;
    if (userclient::RejectionOf(status) == userclient::Rejection::kCircuitOpen) ++refused;
  }
  std::cout << kCalls << " calls: " << answered << " OK, " << refused << " refused by the open circuit\n"
            << userclient::ToJson(client.Snapshot()) << "\n";
  return 0;
}

int Run(const orders::OrderClient& client, std::string_view command, const char* id) {
  if (command == "get") return Get(client, id);
  if (command == "list") return List(client, id);
  return Repeat(client, id);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc == 5 ? argv[3] : "";
  if (command != "get" && command != "list" && command != "repeat") {
    std::cerr << "usage: read_orders TARGET SERVICE_CONFIG (get ORDER_ID | list CUSTOMER_ID | repeat ORDER_ID)\n";
    return 2;
  }

  const absl::StatusOr<orders::OrderClient> client =
      orders::OrderClient::Create({.target = argv[1],
                                   .credentials = userclient::Credentials::Insecure(),
                                   .service_config_file = argv[2],
                                   .observers = {std::make_shared<CircuitTeller>()}});
  if (!client.ok()) return Fail(client.status());
  return Run(*client, command, argv[4]);
}
