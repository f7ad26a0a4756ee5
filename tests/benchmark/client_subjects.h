#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/benchmark/subject.h"

namespace userclient::benchmark {

/// GetUser by UserClient with this service config. *Errors:* those of UserClient::Create.
absl::StatusOr<std::unique_ptr<Subject>> CallByClient(const SubjectOptions& options, const std::string& service_config);
absl::StatusOr<std::unique_ptr<Subject>> CallByClientAsync(const SubjectOptions& options, const std::string& service_config);

}  // namespace userclient::benchmark
