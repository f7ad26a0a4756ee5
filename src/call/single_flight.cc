#include "call/single_flight.h"

#include <algorithm>
#include <utility>

#include "call/async_call.h"
#include "call/client_core.h"
#include "call/flight.h"
#include "call/shared_call.h"

namespace userclient::internal {
namespace {

using google::protobuf::MessageLite;

/// What CallAsync runs for a flight.
class FlightCall final : public TypedCall {
 public:
  FlightCall(std::shared_ptr<SingleFlight> flights, std::shared_ptr<Flight> flight)
      : flights_(std::move(flights)), flight_(std::move(flight)) {}

  void Start(int number, const PooledChannel& channel, grpc::ClientContext& context,
             std::function<void(grpc::Status)> done) override {
    flight_->carrier->Start(number, channel, context, std::move(done));
  }

  void Complete(absl::Status status, int winner) override { flights_->Land(*flight_, status, winner); }

  const MessageLite& request() const override { return flight_->carrier->request(); }
  MessageLite& response(int number) override { return flight_->carrier->response(number); }

 private:
  /// A flight may outlive the config that asked for it.
  const std::shared_ptr<SingleFlight> flights_;
  const std::shared_ptr<Flight> flight_;
};

}  // namespace

void SingleFlight::Join(const std::shared_ptr<SharedCall>& call) {
  std::shared_ptr<Flight> flight;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Flight>& open = open_[call->key()];
    const bool joins = open != nullptr;
    if (!joins) open = std::make_shared<Flight>(call->NewFlight());
    open->waiting.push_back(call);
    call->flight_ = open;
    if (joins) return;
    flight = open;
  }

  CallOptions options = call->FlightOptions();
  options.timeout = flight->deadline - flight->began;
  options.response_metadata = &flight->metadata;
  options.report = &flight->report;
  std::shared_ptr<const MethodPlan> plan = call->core()->plan(call->method());
  auto observation = CallObservation::Begin(*plan, options, CallRole::kFlight);
  std::shared_ptr<CallHandle> handle =
      CallAsync(call->core(), std::move(plan), std::move(options), std::make_unique<FlightCall>(shared_from_this(), flight),
                CallRole::kFlight, std::move(observation));
  {
    const std::lock_guard lock(mutex_);
    if (flight->ended) return;
    if (!flight->abandoned) {
      flight->handle.swap(handle);
      return;
    }
  }
  // Everybody left before there was anything to cancel.
  handle->Cancel();
}

void SingleFlight::Leave(SharedCall& call) {
  // Freed without the lock.
  std::shared_ptr<SharedCall> left;
  std::shared_ptr<CallHandle> handle;
  {
    const std::lock_guard lock(mutex_);
    if (call.flight_ == nullptr || call.flight_->ended) return;
    Flight& flight = *call.flight_;
    const auto place =
        std::find_if(flight.waiting.begin(), flight.waiting.end(), [&](const auto& other) { return other.get() == &call; });
    if (place == flight.waiting.end()) return;
    left = std::move(*place);
    flight.waiting.erase(place);
    if (!flight.waiting.empty()) return;
    flight.abandoned = true;
    handle = std::move(flight.handle);
    Forget(flight);
  }
  if (handle != nullptr) handle->Cancel();
}

void SingleFlight::Land(Flight& flight, const absl::Status& status, int winner) {
  std::vector<std::shared_ptr<SharedCall>> waiting;
  std::shared_ptr<CallHandle> handle;
  {
    const std::lock_guard lock(mutex_);
    flight.ended = true;
    waiting.swap(flight.waiting);
    handle.swap(flight.handle);
    Forget(flight);
  }
  if (waiting.empty()) return;
  if (status.ok()) waiting.front()->KeepAnswer(flight.carrier->response(winner));
  // The first caller comes last: it takes the response, of which the others take copies.
  std::for_each(waiting.rbegin(), waiting.rend(), [&](const auto& call) { call->OnLanded(flight, status, winner); });
}

void SingleFlight::Forget(const Flight& flight) {
  const auto open = open_.find(flight.key);
  // Another one may have begun since.
  if (open != open_.end() && open->second.get() == &flight) open_.erase(open);
}

}  // namespace userclient::internal
