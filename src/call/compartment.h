#pragma once

#include <memory>
#include <string>
#include <utility>

#include "transport/channel_pool.h"

namespace userclient::internal {

/// A bulkhead at run time: connections that no other compartment uses, and the place where its limit on calls in flight and its
/// breaker are asked. *Thread-safe.*
class Compartment {
 public:
  Compartment(std::string name, std::unique_ptr<ChannelPool> channels) : name_(std::move(name)), channels_(std::move(channels)) {}

  const std::string& name() const { return name_; }
  const PooledChannel& NextChannel() { return channels_->Next(); }

 private:
  const std::string name_;
  const std::unique_ptr<ChannelPool> channels_;
};

}  // namespace userclient::internal
