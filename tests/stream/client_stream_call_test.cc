// How the messages of a client-streaming call go out: no faster than the server takes them.

#include "userclient/internal/client_stream_call.h"

#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include "tests/server/stream_client.h"
#include "tests/stream/own_loopback.h"
#include "tests/stream/raw_stream_server.h"

namespace userclient::testing {
namespace {

constexpr size_t kMessageSize = 64 * 1024;

/// A message that counts how many of its kind have been given to gRPC.
struct CountedMessage {
  std::atomic<int>* serialised;
};

}  // namespace
}  // namespace userclient::testing

namespace grpc {

template <>
class SerializationTraits<userclient::testing::CountedMessage, void> {
 public:
  static Status Serialize(const userclient::testing::CountedMessage& message, ByteBuffer* bytes, bool* own) {
    ++*message.serialised;
    const Slice slice(std::string(userclient::testing::kMessageSize, 'x'));
    *bytes = ByteBuffer(&slice, 1);
    *own = true;
    return Status::OK;
  }
};

}  // namespace grpc

namespace userclient::testing {
namespace {

using google::protobuf::Empty;
using Attempt = internal::ClientStreamAttempt<CountedMessage, Empty>;

constexpr char kPath[] = "/any.Service/Take";

/// One attempt against a server.
struct Sending {
  Sending(const std::string& address, int messages)
      : channel(MakeChannelWithFixedWindow(address)), items(static_cast<size_t>(messages), CountedMessage{&serialised}) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    Attempt::Start(channel, context, path, items, response, [this](grpc::Status status) { ended.set_value(std::move(status)); });
  }

  std::atomic<int> serialised = 0;
  const std::shared_ptr<grpc::Channel> channel;
  const std::string path = kPath;
  const std::vector<CountedMessage> items;
  grpc::ClientContext context;
  Empty response;
  std::promise<grpc::Status> ended;
};

TEST(ClientStreamAttemptTest, SendsEverythingToAServerThatTakesIt) {
  RawStreamServer server({.responses = {""}});
  Sending sending(server.address(), 100);

  EXPECT_TRUE(sending.ended.get_future().get().ok());

  EXPECT_EQ(server.messages(), 100);
  EXPECT_EQ(sending.serialised, 100);
}

TEST(ClientStreamAttemptTest, WaitsForAServerThatTakesNoMore) {
  constexpr int kTaken = 10;
  RawStreamServer server({.reads = kTaken, .responses = {""}});
  Sending sending(server.address(), 1000);
  ASSERT_TRUE(Await([&] { return server.messages() == kTaken; }));

  // Time enough for all the rest to go out, if it could.
  for (int i = 0; i < 100; ++i) {
    RawStreamServer other({.responses = {""}});
    Sending finished(other.address(), 1);
    ASSERT_TRUE(finished.ended.get_future().get().ok());
  }
  const int serialised = sending.serialised;
  sending.context.TryCancel();

  EXPECT_EQ(sending.ended.get_future().get().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_LT(serialised, kTaken + 10) << "what fits into a window and a buffer of 64 KiB each, not all 64 MB";
}

TEST(ClientStreamAttemptTest, AStreamOfNothingIsHalfClosed) {
  RawStreamServer server({.responses = {""}});
  Sending sending(server.address(), 0);

  EXPECT_TRUE(sending.ended.get_future().get().ok());
  EXPECT_EQ(server.messages(), 0);
}

TEST(ClientStreamAttemptTest, NobodyThereIsUnavailable) {
  Sending sending(OwnLoopback() + ":1", 3);

  EXPECT_EQ(sending.ended.get_future().get().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace userclient::testing
