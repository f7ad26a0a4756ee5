// Reads orders through OrderClient.
//
//   read_orders TARGET SERVICE_CONFIG get ORDER_ID
//   read_orders TARGET SERVICE_CONFIG list CUSTOMER_ID

#include <iostream>
#include <string_view>

#include "order_client.h"

namespace {

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

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc == 5 ? argv[3] : "";
  if (command != "get" && command != "list") {
    std::cerr << "usage: read_orders TARGET SERVICE_CONFIG (get ORDER_ID | list CUSTOMER_ID)\n";
    return 2;
  }

  const absl::StatusOr<orders::OrderClient> client = orders::OrderClient::Create(
      {.target = argv[1], .credentials = userclient::Credentials::Insecure(), .service_config_file = argv[2]});
  if (!client.ok()) return Fail(client.status());
  return command == "get" ? Get(*client, argv[4]) : List(*client, argv[4]);
}
