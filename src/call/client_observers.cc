#include "call/client_observers.h"

#include <utility>

#include "call/callback_thread.h"

namespace userclient::internal {

void ClientObservers::TellStart() const noexcept {
  const CallbackScope scope;
  for (const auto& observer : observers) observer->OnClientStart(client);
}

void ClientObservers::TellEnd() const noexcept {
  const CallbackScope scope;
  for (const auto& observer : observers) observer->OnClientEnd(client);
}

void ClientObservers::TellCircuitChange(std::string_view compartment, const CircuitTransition& transition) const noexcept {
  for (const auto& observer : observers) observer->OnCircuitChange(client, compartment, transition);
}

void ClientObservers::TellEvent(const ClientEvent& event) const noexcept {
  for (const auto& observer : observers) observer->OnClientEvent(client, event);
}

CircuitListener TellAll(CircuitListener listener, std::shared_ptr<const ClientObservers> observers) {
  if (observers == nullptr) return listener;
  return [listener = std::move(listener), observers = std::move(observers)](std::string_view compartment,
                                                                            const CircuitTransition& transition) {
    if (listener) listener(compartment, transition);
    observers->TellCircuitChange(compartment, transition);
  };
}

ClientListener TellAll(ClientListener listener, std::shared_ptr<const ClientObservers> observers) {
  if (observers == nullptr) return listener;
  return [listener = std::move(listener), observers = std::move(observers)](const ClientEvent& event) {
    if (listener) listener(event);
    observers->TellEvent(event);
  };
}

}  // namespace userclient::internal
