// ThreadSanitizer and gRPC's completion queues. Debian's gRPC is not instrumented: that what a thread did before it asked for
// something happened before another thread is told of its end, ThreadSanitizer cannot see. gRPC promises it, for everything that
// it is asked for under a tag. This file puts itself before gRPC's functions (a program's own symbols come first, for the
// libraries that it loads too), and says so.

#include <dlfcn.h>
#include <grpc/grpc.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>

namespace {

template <class Function>
Function* Original(Function* /*mine*/, const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::fprintf(stderr, "tsan_grpc_tags: %s cannot be found behind this program; is it linked with -rdynamic?\n", name);
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

grpc_event Told(grpc_event event) {
  if (event.type == GRPC_OP_COMPLETE && event.tag != nullptr) __tsan_acquire(event.tag);
  return event;
}

}  // namespace

#define ORIGINAL(function) static auto* const original = Original(&(function), #function)

// NOLINTBEGIN(readability-identifier-naming): gRPC's names
extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag, void* reserved) {
  ORIGINAL(grpc_call_start_batch);
  if (tag != nullptr) __tsan_release(tag);
  return original(call, ops, count, tag, reserved);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline, void* reserved) {
  ORIGINAL(grpc_completion_queue_next);
  return Told(original(queue, deadline, reserved));
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag, gpr_timespec deadline, void* reserved) {
  ORIGINAL(grpc_completion_queue_pluck);
  return Told(original(queue, tag, deadline, reserved));
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
