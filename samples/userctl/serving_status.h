#pragma once

#include "userclient/user_client.h"

namespace userctl {

/// As grpc.health.v1 names it.
inline const char* NameOf(userclient::ServingStatus status) {
  switch (status) {
    case userclient::ServingStatus::kServing:
      return "SERVING";
    case userclient::ServingStatus::kNotServing:
      return "NOT_SERVING";
    case userclient::ServingStatus::kUnknown:
      break;
  }
  return "SERVICE_UNKNOWN";
}

}  // namespace userctl
