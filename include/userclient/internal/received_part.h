#pragma once

#include <grpcpp/impl/serialization_traits.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

namespace userclient::internal {

/// One message of a stream. gRPC's callback streams take bytes that are no such message for the end of the stream, which may then
/// look like a good one; so here they are always read, and `sound` tells.
template <class Message>
struct ReceivedPart {
  Message message{};
  bool sound = false;
};

}  // namespace userclient::internal

namespace grpc {

template <class Message>
class SerializationTraits<userclient::internal::ReceivedPart<Message>, void> {
 public:
  static Status Deserialize(ByteBuffer* bytes, userclient::internal::ReceivedPart<Message>* part) {
    part->sound = SerializationTraits<Message>::Deserialize(bytes, &part->message).ok();
    return Status::OK;
  }
};

}  // namespace grpc
