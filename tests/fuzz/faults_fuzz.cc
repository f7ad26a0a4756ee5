// The faults of the reference server: what is accepted can be met, and what is refused has its path.

#include <grpc/grpc.h>
#include <grpc/slice.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/strings/str_split.h"
#include "server/fault_config.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/text_promises.h"

namespace userclient::fuzz {
namespace {

void RequireSoundRefusal(const absl::Status& status, std::string_view text) {
  Require(status.code() == absl::StatusCode::kInvalidArgument, "faults are refused as INVALID_ARGUMENT", status.ToString());
  const std::string message(status.message());
  RequireReadable(message);
  if (!nlohmann::json::accept(text)) return Require(message.starts_with("not JSON: "), "text that is not JSON", message);
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(message, '\n')))
    Require(!line.empty(), "every mistake has its line", message);
}

void RequireSendable(const std::string& key, const std::string& value) {
  const grpc_slice key_slice = grpc_slice_from_copied_buffer(key.data(), key.size());
  const grpc_slice value_slice = grpc_slice_from_copied_buffer(value.data(), value.size());
  Require(grpc_header_key_is_legal(key_slice) != 0, "gRPC can send the name of an accepted trailer", key);
  Require(key.ends_with("-bin") || grpc_header_nonbin_value_is_legal(value_slice) != 0,
          "gRPC can send the value of an accepted trailer", value);
  grpc_slice_unref(key_slice);
  grpc_slice_unref(value_slice);
}

}  // namespace

void Feed(std::string_view bytes) {
  const absl::StatusOr<internal::FaultConfig> config = internal::ParseFaultConfig(bytes);
  FaultInjector injector;
  const absl::Status set = injector.Set(bytes);
  Require(set.ok() == config.ok(), "what is read can be set, and nothing else", set.ToString());
  if (!config.ok()) return RequireSoundRefusal(config.status(), bytes);

  for (const internal::FaultEntry& entry : config->entries) {
    Require(internal::CheckFaultMethod(entry.method).ok(), "faults are for methods that there are", entry.method);
    Require(!entry.steps.empty(), "an entry says what happens");
    Require(entry.probability >= 0 && entry.probability <= 1, "a probability is from 0 to 1");
    for (const Fault& step : entry.steps) {
      const absl::Status possible = internal::CheckFault(entry.method, step);
      Require(possible.ok(), "an accepted fault can be met", possible.ToString());
      for (const auto& [key, value] : step.metadata) RequireSendable(key, value);
    }
  }
  for (const char* method : {"GetUser", "StreamActivity", "LookupUsers"}) {
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto injection = injector.Next(method);
      if (injection) Require(injection->source.starts_with("faults["), "an injected fault has its place", injection->source);
    }
  }
}

}  // namespace userclient::fuzz
