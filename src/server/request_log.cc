#include "server/request_log.h"

#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "server/status_conversion.h"

namespace userclient::internal {

std::string FormatRequestLogLine(const RequestLogEntry& entry) {
  nlohmann::ordered_json line = {
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(entry.arrived), absl::UTCTimeZone())},
      {"method", entry.method},
      {"peer", entry.peer},
      {"status", StatusCodeName(entry.status.code())},
      // Microseconds are as fine as a reader wants it.
      {"duration_ms", static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(entry.duration).count()) / 1000},
      {"request_id", entry.request_id},
      {"previous_attempts", entry.previous_attempts},
  };
  if (entry.messages) {
    line["messages_received"] = entry.messages->received;
    line["messages_sent"] = entry.messages->sent;
  }
  if (!entry.status.ok()) line["message"] = std::string(entry.status.message());
  if (!entry.fault.empty()) line["fault"] = entry.fault;
  if (!entry.error.empty()) line["error"] = entry.error;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace userclient::internal
