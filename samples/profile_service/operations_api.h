#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "answer.h"
#include "lifecycle.h"
#include "line_log.h"
#include "live_figures.h"
#include "userclient/user_client.h"

namespace profile_service {

/// What operators and their machines ask. *Thread-safe.*
class OperationsApi {
 public:
  OperationsApi(userclient::UserClient client, std::shared_ptr<const LiveFigures> figures,
                std::shared_ptr<const Lifecycle> lifecycle, std::shared_ptr<const LineLog> log,
                std::function<int()> requests_under_way)
      : client_(std::move(client)),
        figures_(std::move(figures)),
        lifecycle_(std::move(lifecycle)),
        log_(std::move(log)),
        requests_under_way_(std::move(requests_under_way)) {}

  /// GET /healthz: alive, because it answers.
  static Answer Health();
  /// GET /readyz: 200 while requests are wanted, else 503.
  Answer Ready() const;
  /// GET /status.json: the client's snapshot, this service's own state, and what LiveFigures has.
  Answer Status() const;
  /// GET /: the page that shows it.
  static Answer Page();

 private:
  const userclient::UserClient client_;
  const std::shared_ptr<const LiveFigures> figures_;
  const std::shared_ptr<const Lifecycle> lifecycle_;
  const std::shared_ptr<const LineLog> log_;
  const std::function<int()> requests_under_way_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace profile_service
