#pragma once

#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "orders/v1/order_service.grpc.pb.h"
#include "userclient/service_client.h"

namespace orders {

/// The client of orders.v1.OrderService: one line for each RPC around userclient's core. Deadlines, retries or hedges, breaker,
/// compartments and hot reload come with it, as the service config says; reports, observers and snapshots are those of every
/// client. A handle; copy it freely. *Thread-safe.*
class OrderClient {
 public:
  /// *Errors:* as userclient::UserClient::Create. `options` must name a service config: the built-in one knows no orders.
  static absl::StatusOr<OrderClient> Create(const userclient::ClientOptions& options) {
    auto service = userclient::ServiceClient<v1::OrderService>::Create(options);
    if (!service.ok()) return service.status();
    return OrderClient(*std::move(service));
  }

  absl::StatusOr<v1::GetOrderResponse> GetOrder(const v1::GetOrderRequest& request,
                                                const userclient::CallOptions& options = {}) const {
    return service_.Call(get_order_, request, options);
  }

  /// The same without a thread that waits.
  userclient::PendingCall<v1::GetOrderResponse> GetOrderAsync(v1::GetOrderRequest request,
                                                              userclient::CallOptions options = {}) const {
    return service_.Start(get_order_, std::move(request), std::move(options));
  }

  /// Every order once and in order, over any number of servers.
  userclient::MessageStream<v1::ListOrdersResponse> ListOrders(v1::ListOrdersRequest request,
                                                               userclient::CallOptions options = {}) const {
    return service_.Open(list_orders_, std::move(request), std::move(options));
  }

  /// What breakers, channels and endpoints are like at the moment.
  userclient::ClientSnapshot Snapshot() const { return service_.Snapshot(); }
  bool WaitReady(std::chrono::nanoseconds timeout) const { return service_.WaitReady(timeout); }
  bool Shutdown(std::chrono::nanoseconds timeout) const { return service_.Shutdown(timeout); }

 private:
  using Stub = v1::OrderService::StubInterface;

  explicit OrderClient(userclient::ServiceClient<v1::OrderService> service) : service_(std::move(service)) {}

  /// Where a broken stream goes on: after the last order that arrived.
  static userclient::StreamProgress Advance(v1::ListOrdersRequest& request, const v1::ListOrdersResponse& response) {
    request.set_after_order_id(response.order().order_id());
    return userclient::StreamProgress::kMessage;
  }

  userclient::ServiceClient<v1::OrderService> service_;
  userclient::UnaryMethod<Stub, v1::GetOrderRequest, v1::GetOrderResponse> get_order_ =
      service_.Unary("GetOrder", &Stub::GetOrder);
  userclient::ServerStreamMethod<Stub, v1::ListOrdersRequest, v1::ListOrdersResponse> list_orders_ =
      service_.ServerStream<v1::ListOrdersRequest, v1::ListOrdersResponse>(
          "ListOrders", &Stub::ListOrders, {.advance = Advance, .idle_timeout = std::chrono::seconds(5)});
};

}  // namespace orders
