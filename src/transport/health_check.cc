#include "transport/health_check.h"

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <vector>

namespace userclient::internal {
namespace {

grpc::ByteBuffer Serialized(const v1::HealthCheckRequest& request) {
  const grpc::Slice slice(request.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

bool Parse(const grpc::ByteBuffer& bytes, v1::HealthCheckResponse& response) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Valid() || !bytes.Dump(&slices).ok()) return false;
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return response.ParseFromString(text);
}

}  // namespace

grpc::Status CheckHealthOnce(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext& context,
                             const v1::HealthCheckRequest& request, v1::HealthCheckResponse& response) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", Serialized(request), &queue);
  grpc::ByteBuffer answer;
  grpc::Status status;
  void* tag = nullptr;
  bool ok = false;
  call->StartCall();
  call->Finish(&answer, &status, &tag);
  queue.Next(&tag, &ok);
  if (status.ok() && !Parse(answer, response)) {
    return {grpc::StatusCode::INTERNAL, "the server answered the health check with bytes that are no HealthCheckResponse"};
  }
  return status;
}

}  // namespace userclient::internal
