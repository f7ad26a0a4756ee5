#include "profile_api.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "call_group.h"
#include "failure.h"
#include "url.h"
#include "userclient/rejection.h"

namespace profile_service {
namespace {

constexpr char kSourceHeader[] = "X-Profile-Source";

Answer Wrong(const std::string& detail) { return Problem(400, "The request is wrong", detail); }

/// The service does not work, or may not be asked: an older answer is better than none. Anything else is an answer itself.
bool IsDown(const absl::Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

/// *Errors:* INVALID_ARGUMENT naming the key.
absl::StatusOr<user::v1::CreateUserRequest> ParseCreate(const httplib::Request& request) {
  const Json body = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) return absl::InvalidArgumentError("the body is no JSON object");
  user::v1::CreateUserRequest create;
  for (const auto& [key, value] : body.items()) {
    if (!value.is_string()) return absl::InvalidArgumentError(absl::StrCat(key, ": must be a string"));
    if (key == "email") {
      create.set_email(value.get<std::string>());
    } else if (key == "display_name") {
      create.set_display_name(value.get<std::string>());
    } else {
      return absl::InvalidArgumentError(absl::StrCat(key, ": is unknown; there are email and display_name"));
    }
  }
  create.set_idempotency_key(request.get_header_value("Idempotency-Key"));
  return create;
}

absl::StatusOr<user::v1::ListUsersRequest> ParseList(const httplib::Request& request) {
  user::v1::ListUsersRequest list;
  if (request.has_param("page_size")) {
    int size = 0;
    if (!absl::SimpleAtoi(request.get_param_value("page_size"), &size)) {
      return absl::InvalidArgumentError("page_size: is no number");
    }
    list.set_page_size(size);
  }
  list.set_page_token(request.get_param_value("page_token"));
  return list;
}

}  // namespace

Answer ProfileApi::Get(const Inbound& inbound, const std::string& encoded_id) {
  const absl::StatusOr<std::string> user_id = PercentDecoded(encoded_id);
  if (!user_id.ok()) return Wrong(std::string(user_id.status().message()));
  CallGroup group;
  const absl::StatusOr<userclient::CallOptions> options = inbound.Options(timeouts_, group.stop());
  if (!options.ok()) return Wrong(std::string(options.status().message()));

  user::v1::GetUserRequest user;
  user.set_user_id(*user_id);
  user::v1::StreamActivityRequest activity;
  activity.set_user_id(*user_id);
  Profile profile;
  group.Add(client_.GetUserAsync(std::move(user), *options), profile.user);
  group.Add<user::v1::ActivityEvent>(client_.StreamActivity(std::move(activity), *options), [&](user::v1::ActivityEvent event) {
    ++profile.activities;
    profile.recent.push_front(std::move(event));
    if (profile.recent.size() > kRecentEvents) profile.recent.pop_back();
  });

  const absl::Status status = group.Wait([&] { return inbound.gone(); });
  if (absl::IsNotFound(status)) memory_.Forget(*user_id);
  if (!status.ok()) return inbound.gone() ? GoneAnswer() : Fallback(*user_id, status);
  memory_.Remember(*user_id, profile);
  Json json = ToJson(profile);
  json["source"] = "user service";
  return JsonAnswer(200, json);
}

Answer ProfileApi::Fallback(const std::string& user_id, const absl::Status& failure) const {
  Answer answer = FailureAnswer(failure);
  if (!IsDown(failure)) return answer;
  const std::optional<ProfileMemory::Entry> last = memory_.Find(user_id);
  if (!last) return answer;

  const auto age = std::chrono::duration_cast<std::chrono::seconds>(last->age).count();
  Json json = ToJson(last->profile);
  json["source"] = "fallback";
  json["age_seconds"] = age;
  json["reason"] = answer.log.contains("rejection") ? answer.log["rejection"] : answer.log["code"];
  Answer fallback = JsonAnswer(200, json);
  fallback.headers = {{kSourceHeader, "fallback"}, {"Age", std::to_string(age)}};
  fallback.log = std::move(answer.log);
  fallback.log["source"] = "fallback";
  return fallback;
}

Answer ProfileApi::List(const Inbound& inbound) {
  CallGroup group;
  const absl::StatusOr<userclient::CallOptions> options = inbound.Options(timeouts_, group.stop());
  if (!options.ok()) return Wrong(std::string(options.status().message()));
  absl::StatusOr<user::v1::ListUsersRequest> request = ParseList(inbound.http());
  if (!request.ok()) return Wrong(std::string(request.status().message()));

  user::v1::ListUsersResponse page;
  group.Add(client_.ListUsersAsync(*std::move(request), *options), page);
  const absl::Status status = group.Wait([&] { return inbound.gone(); });
  if (!status.ok()) return inbound.gone() ? GoneAnswer() : FailureAnswer(status);
  Json users = Json::array();
  for (const user::v1::User& user : page.users()) users.push_back(ToJson(user));
  return JsonAnswer(
      200, {{"profiles", std::move(users)}, {"next_page_token", page.next_page_token()}, {"total_count", page.total_count()}});
}

Answer ProfileApi::Create(const Inbound& inbound) {
  CallGroup group;
  const absl::StatusOr<userclient::CallOptions> options = inbound.Options(timeouts_, group.stop());
  if (!options.ok()) return Wrong(std::string(options.status().message()));
  absl::StatusOr<user::v1::CreateUserRequest> request = ParseCreate(inbound.http());
  if (!request.ok()) return Wrong(std::string(request.status().message()));

  user::v1::CreateUserResponse created;
  group.Add(client_.CreateUserAsync(*std::move(request), *options), created);
  const absl::Status status = group.Wait([&] { return inbound.gone(); });
  if (!status.ok()) return inbound.gone() ? GoneAnswer() : FailureAnswer(status);
  Answer answer = JsonAnswer(201, ToJson(created.user()));
  answer.headers.emplace_back("Location", absl::StrCat("/profiles/", PercentEncoded(created.user().user_id())));
  return answer;
}

}  // namespace profile_service
