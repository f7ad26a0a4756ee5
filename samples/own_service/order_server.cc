// Something for the client to talk to: five orders of one customer, in memory.
//
//   order_server HOST:PORT [--flaky]
//
// Flaky, it fails the first attempt of every GetOrder, and breaks ListOrders off after every second order.

#include <grpcpp/grpcpp.h>

#include <array>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "orders/v1/order_service.grpc.pb.h"

namespace {

using orders::v1::GetOrderRequest;
using orders::v1::GetOrderResponse;
using orders::v1::ListOrdersRequest;
using orders::v1::ListOrdersResponse;
using orders::v1::Order;

constexpr char kCustomer[] = "c-1";
constexpr std::array<std::pair<const char*, const char*>, 5> kArticles = {
    {{"o-1", "lamp"}, {"o-2", "chair"}, {"o-3", "table"}, {"o-4", "shelf"}, {"o-5", "rug"}}};
constexpr int kOrdersBeforeItBreaks = 2;
constexpr std::chrono::seconds kDrain(5);

void Fill(size_t index, Order& order) {
  order.set_order_id(kArticles[index].first);
  order.set_customer_id(kCustomer);
  order.set_article(kArticles[index].second);
  order.set_quantity(static_cast<int>(index) + 1);
}

class OrderServiceImpl final : public orders::v1::OrderService::Service {
 public:
  explicit OrderServiceImpl(bool flaky) : flaky_(flaky) {}

  grpc::Status GetOrder(grpc::ServerContext* context, const GetOrderRequest* request, GetOrderResponse* response) override {
    if (flaky_ && !context->client_metadata().contains("grpc-previous-rpc-attempts")) {
      return {grpc::StatusCode::UNAVAILABLE, "flaky"};
    }
    for (size_t i = 0; i < kArticles.size(); ++i) {
      if (request->order_id() != kArticles[i].first) continue;
      Fill(i, *response->mutable_order());
      return grpc::Status::OK;
    }
    return {grpc::StatusCode::NOT_FOUND, "there is no order " + std::string(request->order_id())};
  }

  grpc::Status ListOrders(grpc::ServerContext* /*context*/, const ListOrdersRequest* request,
                          grpc::ServerWriter<ListOrdersResponse>* writer) override {
    if (request->customer_id() != kCustomer) return grpc::Status::OK;
    int sent = 0;
    for (size_t i = 0; i < kArticles.size(); ++i) {
      if (request->after_order_id() >= kArticles[i].first) continue;
      if (flaky_ && sent++ == kOrdersBeforeItBreaks) return {grpc::StatusCode::UNAVAILABLE, "flaky"};
      ListOrdersResponse response;
      Fill(i, *response.mutable_order());
      if (!writer->Write(response)) break;
    }
    return grpc::Status::OK;
  }

 private:
  const bool flaky_;
};

}  // namespace

int main(int argc, char** argv) {
  const bool flaky = argc == 3 && std::string_view(argv[2]) == "--flaky";
  if (argc != 2 && !flaky) {
    std::cerr << "usage: order_server HOST:PORT [--flaky]\n";
    return 2;
  }
  // Before any thread exists, so that all inherit it and the signals wait for sigwait below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  OrderServiceImpl service(flaky);
  grpc::ServerBuilder builder;
  // Without it a second server on the same port would start in silence.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  int port = 0;
  builder.AddListeningPort(argv[1], grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::cerr << "order_server: cannot listen on " << argv[1] << "\n";
    return 1;
  }
  std::cout << "listening on port " << port << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown(std::chrono::system_clock::now() + kDrain);
}
