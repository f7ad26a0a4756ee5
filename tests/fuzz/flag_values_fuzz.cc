// What people write into flags and configs: durations, targets, addresses. What is accepted can be written and read again; advice
// that an error gives can be followed.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "config/duration.h"
#include "discovery/dns_name.h"
#include "samples/userctl/duration.h"
#include "server/listen_address.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/text_promises.h"
#include "transport/target.h"

namespace userclient::fuzz {
namespace {

using std::chrono::nanoseconds;

void RequireSoundRefusal(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument, "a text is refused as INVALID_ARGUMENT", status.ToString());
  RequireReadable(std::string(status.message()));
}

/// What stands in `message` between `before` and the next quote.
std::optional<std::string> Quoted(const std::string& message, std::string_view before) {
  const size_t begin = message.rfind(before);
  if (begin == std::string::npos) return std::nullopt;
  const size_t content = begin + before.size();
  return message.substr(content, message.find('"', content) - content);
}

void FeedConfigDuration(std::string_view bytes) {
  const absl::StatusOr<nanoseconds> duration = internal::ParseDuration(bytes);
  if (duration.ok()) {
    Require(*duration >= nanoseconds::zero(), "a duration is not negative", bytes);
    const absl::StatusOr<nanoseconds> again = internal::ParseDuration(internal::FormatDuration(*duration));
    return Require(again.ok() && *again == *duration, "a duration can be written and read again", bytes);
  }
  RequireSoundRefusal(duration.status());
  const std::string message(duration.status().message());
  // One that says so itself would be taken for the advice.
  if (bytes.find("; write") != std::string_view::npos) return;
  if (const auto advice = Quoted(message, "; write \"")) {
    Require(internal::ParseDuration(*advice).ok(), "what is advised is accepted", message);
  }
}

void FeedUserctlDuration(std::string_view bytes) {
  const absl::StatusOr<nanoseconds> duration = userctl::ParseDuration(bytes);
  if (!duration.ok()) return Require(duration.status().code() == absl::StatusCode::kInvalidArgument, "a text is refused");
  Require(*duration > nanoseconds::zero() && *duration <= std::chrono::hours(24), "a duration is more than 0, and a day", bytes);
  RequireReadable(userctl::DurationText(*duration));
}

void FeedTarget(std::string_view bytes) {
  const absl::Status usable = internal::CheckTarget(bytes);
  const std::optional<internal::DnsName> name = internal::DnsNameOf(bytes);
  if (!usable.ok()) return RequireSoundRefusal(usable);
  if (!name) return;
  Require(!name->host.empty() && name->port >= 1 && name->port <= 65535, "a name has a host and a port", bytes);
  const std::string server = name->server ? internal::HostPort(name->server->address, name->server->port) : "";
  const std::string target = absl::StrCat("dns://", server, "/", name->host, ":", name->port);
  Require(internal::CheckTarget(target).ok(), "a name can be written as a target", target);
  Require(internal::DnsNameOf(target) == name, "a name that was written is read again", target);
}

void FeedListenAddress(std::string_view bytes) {
  const absl::StatusOr<internal::ListenAddress> address = internal::ParseListenAddress(bytes);
  if (!address.ok()) return RequireSoundRefusal(address.status());
  const absl::StatusOr<internal::ListenAddress> again = internal::ParseListenAddress(address->ToString());
  Require(again.ok() && again->host == address->host && again->port == address->port, "an address can be written and read again",
          address->ToString());
  Require(again->IsLoopback() == address->IsLoopback(), "an address stays local or not");
}

}  // namespace

void Feed(std::string_view bytes) {
  FeedConfigDuration(bytes);
  FeedUserctlDuration(bytes);
  FeedTarget(bytes);
  FeedListenAddress(bytes);
}

}  // namespace userclient::fuzz
