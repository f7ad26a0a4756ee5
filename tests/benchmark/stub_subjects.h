#pragma once

#include <grpcpp/support/channel_arguments.h>

#include <memory>

#include "tests/benchmark/subject.h"

namespace userclient::benchmark {

/// GetUser by the generated stub, on so many channels in turns, each with a connection of its own to each address.
struct StubChannels {
  grpc::ChannelArguments arguments{};
  int count = 1;
};

std::unique_ptr<Subject> CallByStub(const SubjectOptions& options, const StubChannels& channels);
std::unique_ptr<Subject> CallByStubCallback(const SubjectOptions& options, const StubChannels& channels);

}  // namespace userclient::benchmark
