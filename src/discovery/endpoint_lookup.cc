#include "userclient/endpoint_lookup.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "discovery/dns_lookup.h"
#include "discovery/dns_name.h"
#include "discovery/endpoint_history.h"

namespace userclient {

using internal::DnsAnswer;
using internal::DnsName;
using internal::EndpointHistory;

class EndpointLookup::Impl {
 public:
  explicit Impl(DnsName name) : name_(std::move(name)) {}

  const DnsName name_;
  /// Only for what it remembers; when to look is the caller's affair.
  EndpointHistory history_{std::chrono::seconds(1)};
};

EndpointLookup::EndpointLookup(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EndpointLookup::~EndpointLookup() = default;
EndpointLookup::EndpointLookup(EndpointLookup&&) noexcept = default;
EndpointLookup& EndpointLookup::operator=(EndpointLookup&&) noexcept = default;

absl::StatusOr<EndpointLookup> EndpointLookup::Create(std::string_view target) {
  std::optional<DnsName> name = internal::DnsNameOf(target);
  if (name) return EndpointLookup(std::make_unique<Impl>(*std::move(name)));
  return absl::InvalidArgumentError(
      absl::StrCat("target \"", std::string(target),
                   "\": holds no name that could be looked up; write dns:///HOST:PORT, or dns://10.0.0.53:53/HOST:PORT to ask a "
                   "certain name server"));
}

const std::string& EndpointLookup::host() const { return impl_->name_.host; }
int EndpointLookup::port() const { return impl_->name_.port; }

absl::StatusOr<Endpoints> EndpointLookup::Look(std::chrono::nanoseconds timeout, const std::stop_token& stop) {
  const DnsAnswer answer = internal::LookUp(impl_->name_, {.timeout = timeout}, stop);
  const auto now = std::chrono::steady_clock::now();
  impl_->history_.Note(answer, now, now, /*random=*/0);
  if (absl::Status status = answer.status(); !status.ok()) return status;
  return impl_->history_.endpoints();
}

}  // namespace userclient
