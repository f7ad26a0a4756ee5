#pragma once

#include <grpcpp/impl/serialization_traits.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

namespace userclient::internal {

/// A response and whether it came. gRPC's callback stubs report OK for an answer whose bytes are no such message, and for an OK
/// without any message; the blocking ones do not.
template <class Response>
struct Received {
  Response message{};
  bool arrived = false;
};

}  // namespace userclient::internal

namespace grpc {

/// How gRPC reads one: as the message itself.
template <class Response>
class SerializationTraits<userclient::internal::Received<Response>, void> {
 public:
  static Status Deserialize(ByteBuffer* bytes, userclient::internal::Received<Response>* received) {
    Status status = SerializationTraits<Response>::Deserialize(bytes, &received->message);
    received->arrived = status.ok();
    return status;
  }
};

}  // namespace grpc
