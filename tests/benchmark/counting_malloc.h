#pragma once

#include <cstdint>

namespace userclient::benchmark {

/// What a program has asked of malloc, calloc, realloc and their aligned siblings, and so of `operator new`. A program that links
/// counting_malloc.cc counts the requests of every library it uses too, gRPC and protobuf included, on all threads.
struct Allocations {
  int64_t count = 0;
  int64_t bytes = 0;
};

/// Counts from here on.
void StartCountingAllocations();

/// Stops, and tells what was requested since the start. Blocks that were given back in between count all the same.
Allocations StopCountingAllocations();

}  // namespace userclient::benchmark
