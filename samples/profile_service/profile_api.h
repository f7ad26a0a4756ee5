#pragma once

#include <chrono>

#include "answer.h"
#include "inbound.h"
#include "profile_memory.h"
#include "userclient/user_client.h"

namespace profile_service {

/// What this service is for, over a UserClient. *Thread-safe.*
class ProfileApi {
 public:
  /// Answers older than `fallback_max_age` never stand in for new ones; zero: none does.
  ProfileApi(userclient::UserClient client, const TimeoutRules& timeouts, std::chrono::nanoseconds fallback_max_age)
      : client_(std::move(client)), timeouts_(timeouts), memory_(fallback_max_age) {}

  /// GET /profiles/{id}: the user and its activity, asked for at the same time. While the user service cannot give them, the
  /// last answer stands in, marked with "source": "fallback" and X-Profile-Source.
  /// `encoded_id` as it stands in the path.
  Answer Get(const Inbound& inbound, const std::string& encoded_id);

  /// GET /profiles?page_size=&page_token=: a page of users.
  Answer List(const Inbound& inbound);

  /// POST /profiles {"email", "display_name"}: creates a user. With an Idempotency-Key it may be sent again.
  Answer Create(const Inbound& inbound);

 private:
  Answer Fallback(const std::string& user_id, const absl::Status& failure) const;

  const userclient::UserClient client_;
  const TimeoutRules timeouts_;
  ProfileMemory memory_;
};

}  // namespace profile_service
