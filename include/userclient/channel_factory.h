#pragma once

#include <functional>
#include <memory>

namespace grpc {
class Channel;
class ChannelArguments;
}  // namespace grpc

namespace userclient {

/// Makes the channels of a client in place of the client: over the in-process transport, for tests without a network; with
/// interceptors or credentials of your own.
///
///   options.channel_factory = [&](const grpc::ChannelArguments& arguments) { return server->InProcessChannel(arguments); };
///
/// Called with what the client would have used, to pass on or to change: the load balancing policy, the reconnect backoff, the
/// numbers that keep the connections of compartments apart. Called when the client is created, and from any thread whenever it
/// needs another channel; must neither block nor throw, nor return null, nor call the client, some of whose locks are held.
using ChannelFactory = std::function<std::shared_ptr<grpc::Channel>(const grpc::ChannelArguments& arguments)>;

}  // namespace userclient
