#include "call/xds_bootstrap.h"

#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/xds_bootstrap_check.h"
#include "tls/read_file.h"

namespace userclient::internal {
namespace {

constexpr char kFileVariable[] = "GRPC_XDS_BOOTSTRAP";
constexpr char kTextVariable[] = "GRPC_XDS_BOOTSTRAP_CONFIG";

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

absl::Status CheckBootstrapFor(std::string_view target) {
  if (!target.starts_with("xds:")) return absl::OkStatus();
  // gRPC asks in this order too.
  const std::string path = Variable(kFileVariable);
  if (path.empty()) return CheckXdsBootstrap(kTextVariable, Variable(kTextVariable));
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) {
    return absl::Status(text.status().code(), absl::StrCat(kFileVariable, ": ", std::string(text.status().message())));
  }
  return CheckXdsBootstrap(absl::StrCat(kFileVariable, ": ", path), *text);
}

}  // namespace userclient::internal
