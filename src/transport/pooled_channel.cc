#include "transport/pooled_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/validate_service_config.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

/// Additional channels of a pool that nobody calls any more drop their connections by themselves; the pool has no timer for it.
void SetIdleTimeout(const ChannelSpec& spec, grpc::ChannelArguments& arguments) {
  using std::chrono::milliseconds;
  if (spec.shrink_after < std::chrono::seconds(1)) return;  // gRPC's own lower limit.
  const auto timeout = std::chrono::duration_cast<milliseconds>(spec.shrink_after).count();
  arguments.SetInt(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS,
                   static_cast<int>(std::min<int64_t>(timeout, std::numeric_limits<int>::max())));
}

grpc::ChannelArguments ArgumentsFor(const ChannelSpec& spec, int index) {
  grpc::ChannelArguments arguments;
  // The file that was reviewed is the config that runs, whatever a TXT record says.
  arguments.SetServiceConfigJSON(spec.service_config_json);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // For configs that choose no policy. pick_first, gRPC's own default, would send everything to one pod.
  arguments.SetLoadBalancingPolicyName("round_robin");
  // Part of the key under which gRPC shares connections between channels.
  arguments.SetInt("userclient.client", spec.client_number);
  arguments.SetInt("userclient.pool", spec.first_pool_number + index);
  // Back within a fraction of a second when a restarted server returns; gRPC's own first wait is a second and grows to two
  // minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // In spite of its name this bounds one attempt to connect, TLS handshake included (20 s by default): a black-holed address is
  // given up sooner, a slow handshake still gets through.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  // A connection whose bytes nobody acknowledges is closed after ten seconds (keepalive sets TCP_USER_TIMEOUT), and so does not
  // come back when outlier detection would try its pod again. Pings, which also find a process that hangs, are sent only beside
  // calls and no more often than every stock server allows: five minutes (gRPC in C++, Go and Java).
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 330'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, spec.transparent_retries ? 1 : 0);
  // A proxy taken from the environment would hide the pods behind one address.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (index >= spec.count) SetIdleTimeout(spec, arguments);
  if (spec.authority) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, *spec.authority);
  if (!spec.user_agent.empty()) arguments.SetUserAgentPrefix(spec.user_agent);
  if (spec.quota != nullptr) arguments.SetResourceQuota(*spec.quota);
  return arguments;
}

}  // namespace

PooledChannel MakePooledChannel(const ChannelSpec& spec, int index, const StubFactory& make_stub) {
  const grpc::ChannelArguments arguments = ArgumentsFor(spec, index);
  auto channel =
      spec.factory != nullptr ? (*spec.factory)(arguments) : grpc::CreateCustomChannel(spec.target, spec.credentials, arguments);
  return {.channel = channel, .stub = make_stub(channel)};
}

absl::Status CheckChannelConfig(const std::string& service_config_json) {
  const std::string problem = grpc::experimental::ValidateServiceConfigJSON(service_config_json);
  if (problem.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the service config's part for gRPC is refused by gRPC: ", problem));
}

}  // namespace userclient::internal
