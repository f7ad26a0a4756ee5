#pragma once

#include <optional>
#include <string>

namespace userclient::testing {

/// Gives this process a network of its own: a loopback interface that nobody else sees, and whose packets can be lost. To be
/// called before there is any other thread. What is in the way, if it cannot be had; it takes root and the program `ip`.
std::optional<std::string> EnterPrivateNetwork();

/// What this address sends is lost from now on, without a word: no answer, no acknowledgement, no reset. Only in a private
/// network.
void LoseWhatComesFrom(const std::string& host);

/// And no more.
void LoseNothingFrom(const std::string& host);

/// What keeps packets from being lost at random: that there is no private network, no program `iptables`, or that the kernel
/// cannot. nullopt: LosePackets works.
std::optional<std::string> WhyNoPacketLoss();

/// Of the TCP packets to and from this port, this share is lost, at random. Only in a private network.
void LosePackets(int port, double share);

/// And no more.
void LoseNoPackets();

}  // namespace userclient::testing
