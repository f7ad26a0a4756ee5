// What a server can make the client hold: it is offered far more than is good for it, as fast as it takes it, and the peak
// counts.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/malice/behaviours.h"
#include "tests/malice/faces.h"
#include "tests/malice/gzip_bomb.h"
#include "tests/malice/malices.h"
#include "tests/malice/malicious_server.h"
#include "tests/malice/peak_memory.h"
#include "tests/support/grpc_version.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/server/user_server.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;

/// A client, its threads and its connections take some memory anyway.
constexpr int64_t kMostGrowth = 64;
constexpr int64_t kMebibyte = 1 << 20;
/// For a stream that is resumed for as long as messages come.
constexpr auto kLongestFlood = 2s;

void ExpectGrowthBelow([[maybe_unused]] int64_t limit, [[maybe_unused]] const PeakMemory& peak,
                       [[maybe_unused]] const MaliciousServer& server) {
#ifndef __SANITIZE_ADDRESS__  // Which keeps what was freed.
  EXPECT_LT(peak.growth(), limit) << "MiB, of " << server.sent() / kMebibyte << " that were sent";
#endif
}

/// Twice the memory that it may cost is sent, if the client takes it.
struct Flood {
  std::string name{};
  MaliciousServer::Behaviour behaviour{};
  int64_t most_growth = kMostGrowth;
};

void PrintTo(const Flood& flood, std::ostream* out) { *out << flood.name; }

// The analyzer loses sight of functions that are copied out of a list.
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)
std::vector<Flood> Floods() {
  const auto continuation = [fields = ManyFields()](uint32_t stream) {
    return Frame(FrameType::kContinuation, kNoFlags, stream, fields);
  };
  const auto flood = [](const std::string& name, auto first, auto again, int64_t most_growth = kMostGrowth) {
    const auto behaviour = [=](MaliciousConnection& client) {
      const std::optional<uint32_t> stream = client.AwaitRequest();
      if (stream && client.Send(first(*stream))) client.Flood(again(*stream), Pace::kFullSpeed, 2 * most_growth * kMebibyte);
    };
    return Flood{.name = name, .behaviour = behaviour, .most_growth = most_growth};
  };
  const auto headers = [](uint32_t stream) { return ResponseHeaders(stream); };
  return {
      flood(
          "Headers", [](uint32_t stream) { return BlockWithoutEnd(stream); }, continuation),
      flood(
          "Trailers", [](uint32_t stream) { return ResponseHeaders(stream) + BlockWithoutEnd(stream, kEndStream); },
          continuation),
      flood("HeadersOverAndOver", Nothing, headers),
      flood("Messages", headers, [](uint32_t stream) { return Data(stream, Message()); }),
      flood(
          "MoreThanTheWindow",
          [](uint32_t stream) { return ResponseHeaders(stream) + Data(stream, MessagePrefix(false, 512 << 20)); },
          [](uint32_t stream) { return Data(stream, std::string(16384, 'x')); }),
      flood("EmptyData", headers, [](uint32_t stream) { return Data(stream, ""); }),
      flood("Pings", Nothing, [](uint32_t) { return Ping(kNoFlags, "12345678"); }),
      flood("Settings", Nothing,
            [](uint32_t) {
              return Settings({{kInitialWindowSize, 1}});
            }),
      flood(
          "WindowUpdates", Nothing, [](uint32_t stream) { return WindowUpdate(stream, 1); }, 256),
      flood("Goaways", Nothing, [](uint32_t) { return Goaway(0, 11, std::string(1000, '!')); }),
  };
}
// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

// A blocking call keeps what the others keep; but a flood without a gap may hold it beyond its deadline (docs/hardening.md).
class FloodTest : public ::testing::TestWithParam<std::tuple<Flood, Face>> {};

TEST_P(FloodTest, IsNotKept) {
  const Flood& flood = std::get<0>(GetParam());
  const MaliciousServer server(flood.behaviour);
  const UserClient client = ConnectTo(server.address());
  const PeakMemory peak;

  const absl::Status status = CallOver(std::get<1>(GetParam()), client, kLongestFlood);

  EXPECT_FALSE(status.ok());
  ExpectGrowthBelow(flood.most_growth, peak, server);
}

INSTANTIATE_TEST_SUITE_P(, FloodTest,
                         ::testing::Combine(::testing::ValuesIn(Floods()), ::testing::Values(Face::kAsync, Face::kStream)),
                         [](const auto& test) { return std::get<0>(test.param).name + NameOf(std::get<1>(test.param)); });

TEST(MemoryTest, PingsAreNotAnsweredToAServerThatDoesNotRead) {
  const MaliciousServer server([](MaliciousConnection& client) {
    std::string pings;
    while (pings.size() < 65536) pings += Ping(kNoFlags, "12345678");
    if (!client.AwaitRequest()) return;
    while (client.Send(pings)) {
    }
  });
  const UserClient client = ConnectTo(server.address());
  const PeakMemory peak;

  const absl::Status status = CallOver(Face::kAsync, client, kDeadline);

  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  ExpectGrowthBelow(kMostGrowth, peak, server);
}

/// A client as docs/hardening.md advises for servers that are not trusted. That it asks for nothing compressed is no protection:
/// a message that comes with the headers is inflated before gRPC objects to them.
UserClient WaryClient(const std::string& address) {
  constexpr int kNoneButIdentity = 1 << 0;
  absl::StatusOr<UserClient> client =
      UserClient::Create({.channel_factory =
                              [address](const grpc::ChannelArguments& given) {
                                grpc::ChannelArguments arguments = given;
                                arguments.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, kNoneButIdentity);
                                arguments.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
                                return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
                              },
                          .service_config_json = RetryConfig(),
                          .receive_memory_limit = 64 * kMebibyte});
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

void ExpectHealthyServerUsed(std::optional<MaliciousServer>& server, const UserClient& client, Face face) {
  const std::string address = server->address();
  server.reset();
  const auto healthy = UserServer::Start({.listen_address = address, .seed_users = 3, .seed_activity = 3});
  ASSERT_TRUE(healthy.ok()) << healthy.status();
  EXPECT_TRUE(Eventually([&] { return CallOver(face, client, 1s).ok(); }));
}

class WaryClientTest : public ::testing::TestWithParam<Face> {};

/// `or_newer`: what a newer gRPC may make of it for a stream.
void ExpectRefused(const absl::Status& status, Face face, StatusCode or_newer) {
  const bool newer = !kOldestGrpc && face == Face::kStream && status.code() == or_newer;
  EXPECT_TRUE(newer || absl::IsResourceExhausted(status)) << status;
}

/// In mebibytes: what is offered to each of its attempts, and what its quota, and an allocator that gives back what it pleases,
/// make of it.
constexpr int kMuch = 512;
constexpr int64_t kQuotaAndMore = 256;

TEST_P(WaryClientTest, RefusesAHugeMessageBeforeItIsThere) {
  std::optional<MaliciousServer> server(std::in_place, SendMuch(kMuch * kMebibyte, kMuch));
  const UserClient client = WaryClient(server->address());
  const PeakMemory peak;

  const absl::Status status = CallOver(GetParam(), client, kPatience);

  // gRPC 1.83 ends the connection, too, which a stream that is resumed finds closed.
  ExpectRefused(status, GetParam(), StatusCode::kUnavailable);
  ExpectGrowthBelow(kQuotaAndMore, peak, *server);
  ExpectHealthyServerUsed(server, client, GetParam());
}

TEST_P(WaryClientTest, RefusesAMessageThatSaysItHas4Gib) {
  std::optional<MaliciousServer> server(std::in_place, SendMuch(0xffffffff, kMuch));
  const UserClient client = WaryClient(server->address());
  const PeakMemory peak;

  const absl::Status status = CallOver(GetParam(), client, kPatience);

  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
  ExpectGrowthBelow(kQuotaAndMore, peak, *server);
  ExpectHealthyServerUsed(server, client, GetParam());
}

/// An answer of one compressed message that has so many mebibytes inside.
MaliciousServer::Behaviour SendBomb(size_t mebibytes) {
  const std::string bomb = GzipBomb(mebibytes * kMebibyte);
  return [message = MessagePrefix(true, static_cast<uint32_t>(bomb.size())) + bomb](MaliciousConnection& client) {
    while (const std::optional<uint32_t> stream = client.AwaitRequest()) {
      if (!client.Send(ResponseHeaders(*stream, {{"grpc-encoding", "gzip"}}))) return;
      if (client.SendData(*stream, message)) client.Send(Trailers(*stream, {{"grpc-status", "0"}}));
    }
  };
}

TEST_P(WaryClientTest, InflatesNothing) {
  std::optional<MaliciousServer> server(std::in_place, SendBomb(128));
  const UserClient client = WaryClient(server->address());
  const PeakMemory peak;

  const absl::Status status = CallOver(GetParam(), client, kPatience);

  EXPECT_THAT(status.code(), ::testing::AnyOf(StatusCode::kUnimplemented, StatusCode::kInternal)) << status;
  ExpectGrowthBelow(kMostGrowth, peak, *server);
  ExpectHealthyServerUsed(server, client, GetParam());
}

class GzipBombTest : public ::testing::TestWithParam<Face> {};

TEST_P(GzipBombTest, IsRefusedForTheSizeThatItInflatesTo) {
  std::optional<MaliciousServer> server(std::in_place, SendBomb(40));
  const UserClient client = ConnectTo(server->address());

  const absl::Status status = CallOver(GetParam(), client, kPatience);

  // gRPC 1.83 does not tell the reader of a stream why it has refused a message.
  ExpectRefused(status, GetParam(), StatusCode::kCancelled);
  ExpectHealthyServerUsed(server, client, GetParam());
}

const auto kAllFaces = ::testing::Values(Face::kBlocking, Face::kAsync, Face::kStream);
const auto kFaceName = [](const auto& test) { return NameOf(test.param); };
INSTANTIATE_TEST_SUITE_P(, WaryClientTest, kAllFaces, kFaceName);
INSTANTIATE_TEST_SUITE_P(, GzipBombTest, kAllFaces, kFaceName);

}  // namespace
}  // namespace userclient::testing
