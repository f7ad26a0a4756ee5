#include "operations_api.h"

#include <cstdint>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "status_page.h"
#include "userclient/version.h"

namespace profile_service {
namespace {

/// 128 bits that nobody can guess.
std::string NewNonce() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(), random());
}

}  // namespace

Answer OperationsApi::Health() { return JsonAnswer(200, {{"status", "alive"}}); }

Answer OperationsApi::Ready() const {
  const Lifecycle::Phase phase = lifecycle_->phase();
  return JsonAnswer(phase == Lifecycle::Phase::kReady ? 200 : 503, {{"status", PhaseName(phase)}});
}

Answer OperationsApi::Status() const {
  const std::chrono::duration<double> uptime = std::chrono::steady_clock::now() - started_;
  const Json service = {
      {"name", "profile_service"}, {"version", USERCLIENT_VERSION_STRING},        {"phase", PhaseName(lifecycle_->phase())},
      {"uptime", uptime.count()},  {"requests_under_way", requests_under_way_()}, {"log_lines_lost", log_->lost()}};
  Answer answer;
  answer.body = absl::StrCat("{\"service\":", ToText(service), ",\"client\":", userclient::ToJson(client_.Snapshot()),
                             ",\"live\":", ToText(figures_->ToJson()), "}\n");
  return answer;
}

Answer OperationsApi::Page() {
  const std::string nonce = NewNonce();
  Answer answer = {.content_type = "text/html; charset=utf-8", .body = absl::StrReplaceAll(kStatusPage, {{"{{nonce}}", nonce}})};
  // Nothing runs, and nothing is styled, but what carries the nonce; nothing is loaded from anywhere but this service.
  answer.headers = {
      {"Content-Security-Policy",
       absl::StrCat("default-src 'none'; script-src 'nonce-", nonce, "'; style-src 'nonce-", nonce,
                    "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")},
      {"Referrer-Policy", "no-referrer"}};
  return answer;
}

}  // namespace profile_service
