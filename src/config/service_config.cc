#include "userclient/service_config.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "config/default_service_config.h"
#include "config/json_reader.h"
#include "config/problems.h"
#include "config/service_config_reader.h"
#include "config/split.h"
#include "config/text.h"

namespace userclient {
namespace {

using internal::Concat;
using internal::Json;
using internal::Problems;

absl::StatusOr<ServiceConfig> ParseChecked(std::string_view text) {
  Problems problems;
  const absl::StatusOr<Json> json = internal::ReadJson(text, problems);
  if (!json.ok()) return json.status();
  ServiceConfig config = internal::ReadServiceConfig(*json, problems);
  if (!problems.empty()) return problems.ToStatus();
  config.channel_json = internal::ChannelJson(*json);
  return config;
}

absl::Status WithFile(const std::filesystem::path& file, const absl::Status& status) {
  return absl::Status(status.code(), Concat(file.string(), ": ", std::string(status.message())));
}

absl::Status CannotRead(int error) {
  const std::string text = Concat("cannot be read: ", std::generic_category().message(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(text);
  if (error == EMFILE || error == ENFILE) return absl::ResourceExhaustedError(text);
  return absl::UnknownError(text);
}

// The text of a file, or a little more of it than a config may have: enough for the parser to refuse it.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& file) {
  // Opening a named pipe that nobody writes to waits for a writer, for ever, unless it is told not to. It holds nothing then.
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return CannotRead(errno);
  const auto close_stream = [](std::FILE* stream) { std::fclose(stream); };
  const std::unique_ptr<std::FILE, decltype(close_stream)> stream(fdopen(descriptor, "rb"), close_stream);
  if (stream == nullptr) {
    const int error = errno;
    close(descriptor);
    return CannotRead(error);
  }
  // What somebody is writing is waited for.
  if (fcntl(descriptor, F_SETFL, 0) != 0) return CannotRead(errno);
  std::string text(internal::kMostBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stream.get()));
  if (std::ferror(stream.get()) != 0) return CannotRead(errno);
  return text;
}

// The entry of `entries` that names a method most exactly; `names` is the member that holds an entry's names.
template <typename Entry>
const Entry* FindMostExact(const std::vector<Entry>& entries, std::vector<MethodName> Entry::*names, std::string_view service,
                           std::string_view method) {
  const Entry* for_service = nullptr;
  const Entry* for_everything = nullptr;
  for (const Entry& entry : entries) {
    for (const MethodName& name : entry.*names) {
      if (name.service.empty()) {
        for_everything = &entry;
      } else if (name.service == service) {
        if (name.method.empty()) {
          for_service = &entry;
        } else if (name.method == method) {
          return &entry;
        }
      }
    }
  }
  return for_service != nullptr ? for_service : for_everything;
}

}  // namespace

absl::StatusOr<ServiceConfig> ServiceConfig::Parse(std::string_view json) {
  // The JSON library speaks in exceptions. None is expected once a text has been read; none may leave.
  try {
    return ParseChecked(json);
  } catch (const std::exception& error) {
    return absl::InternalError(Concat("the service config could not be read: ", error.what()));
  }
}

absl::StatusOr<ServiceConfig> ServiceConfig::Load(const std::filesystem::path& file) {
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return WithFile(file, text.status());
  absl::StatusOr<ServiceConfig> config = Parse(*text);
  if (!config.ok()) return WithFile(file, config.status());
  return config;
}

const ServiceConfig& ServiceConfig::Default() {
  // Never destroyed, so that it may be used while the program ends. A test parses it, so the parse cannot fail here.
  static const ServiceConfig* const config = new ServiceConfig(Parse(internal::kDefaultServiceConfig).value());
  return *config;
}

const MethodConfig* ServiceConfig::FindMethod(std::string_view service, std::string_view method) const {
  return FindMostExact(methods, &MethodConfig::names, service, method);
}

const BulkheadConfig* ServiceConfig::FindBulkhead(std::string_view service, std::string_view method) const {
  return FindMostExact(bulkheads, &BulkheadConfig::methods, service, method);
}

const MethodExtras* ServiceConfig::FindExtras(std::string_view service, std::string_view method) const {
  return FindMostExact(extras, &MethodExtras::names, service, method);
}

}  // namespace userclient
