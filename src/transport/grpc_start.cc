#include "transport/grpc_start.h"

#include <fcntl.h>
#include <grpc/grpc.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

/// gRPC 1.51 starts with four.
constexpr int kDescriptorsToStart = 8;

}  // namespace

absl::Status CheckThatGrpcCanStart() {
  if (grpc_is_initialized() != 0) return absl::OkStatus();
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

}  // namespace userclient::internal
