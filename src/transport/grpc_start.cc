#include "transport/grpc_start.h"

#include <fcntl.h>
#include <grpc/grpc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

namespace userclient::internal {
namespace {

/// gRPC 1.51 starts with four.
constexpr int kDescriptorsToStart = 8;

/// What gRPC 1.51 starts with: two executors, two for timers, those of its event engine and those that call back.
size_t ThreadsToStart() {
  const int64_t processors = sysconf(_SC_NPROCESSORS_CONF);
  return 4 + std::clamp<int64_t>(processors, 2, 32) + std::clamp<int64_t>(processors / 2, 2, 16);
}

absl::Status CheckDescriptors() {
  std::vector<int> opened;
  int error = 0;
  while (error == 0 && opened.size() < kDescriptorsToStart) {
    const int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
      opened.push_back(descriptor);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  for (const int descriptor : opened) close(descriptor);
  // Without /dev/null it cannot be told; gRPC may find what it needs.
  if (error != EMFILE && error != ENFILE) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("gRPC cannot start: ", std::strerror(error), "; it needs ",
                                                   kDescriptorsToStart, " file descriptors and there were ", opened.size(),
                                                   ". Raise the limit (ulimit -n), or look for who leaves them open"));
}

absl::Status CheckThreads() {
  const size_t needed = ThreadsToStart();
  std::vector<std::thread> threads;
  threads.reserve(needed);
  absl::Notification counted;
  std::string problem;
  try {
    while (threads.size() < needed) threads.emplace_back([&counted] { counted.WaitForNotification(); });
  } catch (const std::system_error& error) {
    problem = error.code().message();
  } catch (const std::bad_alloc& error) {
    problem = error.what();
  }
  counted.Notify();
  for (std::thread& thread : threads) thread.join();
  if (problem.empty()) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("gRPC cannot start: ", problem, "; it needs ", needed, " threads and there were ", threads.size(),
                   ". Raise the limit (pids.max of the cgroup, ulimit -u, ulimit -v), or look for who has so many"));
}

}  // namespace

absl::Status CheckThatGrpcCanStart() {
  // One after the other: each would find what the others have taken to see whether it is there.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (grpc_is_initialized() != 0) return absl::OkStatus();
  if (absl::Status status = CheckDescriptors(); !status.ok()) return status;
  return CheckThreads();
}

}  // namespace userclient::internal
