#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "userclient/client_options.h"
#include "userclient/observer.h"

namespace userclient::internal {

/// Who observes a client, and the client as they know it. It does not change once the client makes calls.
struct ClientObservers {
  ObservedClient client{};
  /// In the order of ClientOptions; none is null.
  std::vector<std::shared_ptr<Observer>> observers{};

  void TellStart() const noexcept;
  void TellEnd() const noexcept;
  void TellCircuitChange(std::string_view compartment, const CircuitTransition& transition) const noexcept;
  void TellEvent(const ClientEvent& event) const noexcept;
};

/// Who is told of a change of a circuit: the listener of the options, then the observers, which may be null.
CircuitListener TellAll(CircuitListener listener, std::shared_ptr<const ClientObservers> observers);
/// The same for what a client notices.
ClientListener TellAll(ClientListener listener, std::shared_ptr<const ClientObservers> observers);

}  // namespace userclient::internal
