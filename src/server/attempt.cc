#include "server/attempt.h"

#include <algorithm>
#include <charconv>
#include <exception>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/connection_cut.h"
#include "server/status_conversion.h"

namespace userclient::internal {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;
constexpr char kServicePrefix[] = "user.v1.UserService/";
// A field number of zero, which no message has.
constexpr char kGarbage[] = "\x02\xff\xff\xff";

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

std::optional<std::string_view> FirstValue(const grpc::CallbackServerContext& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return std::nullopt;
  return View(found->second);
}

std::string NewRequestId() {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return absl::StrFormat("%016x%016x", random(), random());
}

/// The caller's, if it can be written to a log and back into a trailer.
std::string RequestIdOf(const grpc::CallbackServerContext& context) {
  const std::string_view given = FirstValue(context, "x-request-id").value_or("");
  const bool usable = !given.empty() && given.size() <= kMaxRequestIdBytes &&
                      std::all_of(given.begin(), given.end(), [](char c) { return c > ' ' && c <= '~'; });
  return usable ? std::string(given) : NewRequestId();
}

int PreviousAttemptsOf(const grpc::CallbackServerContext& context) {
  const std::string_view text = FirstValue(context, "grpc-previous-rpc-attempts").value_or("0");
  int attempts = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), attempts);
  return error == std::errc() && end == text.data() + text.size() && attempts > 0 ? attempts : 0;
}

bool HasDeadline(const grpc::CallbackServerContext& context) {
  return context.deadline() != std::chrono::system_clock::time_point::max();
}

/// Calls of these methods last for as long as the client wants.
bool IsEndless(std::string_view method) { return method == "WatchUsers" || method == "LookupUsers"; }

}  // namespace

Attempt::Attempt(CallEnvironment& environment, std::string_view method, grpc::CallbackServerContext* context)
    : environment_(environment),
      method_(method),
      context_(context),
      request_id_(RequestIdOf(*context)),
      previous_attempts_(PreviousAttemptsOf(*context)) {}

absl::Status Attempt::Arrive(const std::string& request) {
  environment_.counters.NoteArrival(method_, previous_attempts_ == 0);
  if (environment_.on_attempt) {
    ReceivedAttempt attempt{.method = std::string(method_),
                            .arrived = started_,
                            .peer = context_->peer(),
                            .previous_attempts = previous_attempts_,
                            .request = request};
    for (const auto& [key, value] : context_->client_metadata()) attempt.metadata.emplace(View(key), View(value));
    if (HasDeadline(*context_)) attempt.time_left = context_->deadline() - arrived_;
    environment_.on_attempt(attempt);
  }
  context_->AddTrailingMetadata("x-request-id", request_id_);
  if (environment_.name) context_->AddTrailingMetadata("x-served-by", *environment_.name);

  if (absl::Status admitted = Admit(); !admitted.ok()) return admitted;
  injection_ = environment_.faults.Next(method_);
  if (!injection_) return absl::OkStatus();

  environment_.counters.NoteFault(method_);
  for (const auto& [key, value] : injection_->fault.metadata) context_->AddTrailingMetadata(key, value);
  if (injection_->fault.pushback_ms)
    context_->AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(*injection_->fault.pushback_ms));
  return absl::OkStatus();
}

absl::Status Attempt::Admit() {
  Admission::Decision decision = environment_.admission->Admit({.authorization = FirstValue(*context_, "authorization"),
                                                                .lacks_deadline = !HasDeadline(*context_) && !IsEndless(method_),
                                                                .now = started_});
  if (decision.pushback) context_->AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(decision.pushback->count()));
  seat_ = std::move(decision.seat);
  return decision.status;
}

absl::Status Attempt::FaultStatus() const {
  const Fault& fault = injection_->fault;
  absl::Status status(*fault.status, fault.message);
  if (!fault.violations.empty()) AttachViolations(status, fault.violations);
  return status;
}

absl::Status Attempt::Run(const std::function<absl::Status()>& handler, std::string& error) const {
  try {
    return handler();
  } catch (const std::exception& thrown) {
    error = thrown.what();
  } catch (...) {
    error = "something that is no std::exception was thrown";
  }
  return absl::InternalError(absl::StrCat("the server failed; request id ", request_id_));
}

void Attempt::Drop() {
  if (!CutConnectionTo(context_->peer())) context_->TryCancel();
}

grpc::Status Attempt::End(const absl::Status& status, const std::string& error, std::optional<MessageCounts> messages) {
  seat_ = {};
  environment_.counters.NoteEnd(method_, status.code());
  if (environment_.request_log) {
    environment_.request_log(FormatRequestLogLine({.arrived = arrived_,
                                                   .duration = std::chrono::steady_clock::now() - started_,
                                                   .method = absl::StrCat(kServicePrefix, std::string(method_)),
                                                   .peer = context_->peer(),
                                                   .request_id = request_id_,
                                                   .previous_attempts = previous_attempts_,
                                                   .messages = messages,
                                                   .status = status,
                                                   .fault = injection_ ? injection_->source : "",
                                                   .error = error}));
  }
  return ToGrpcStatus(status);
}

void Attempt::NoteCancelled() {
  if (std::chrono::steady_clock::now().time_since_epoch().count() >= environment_.cut_off_at.load()) ++environment_.cut_off_calls;
}

void ThrowAsTold() { throw std::runtime_error("thrown because a fault says so"); }

absl::Status CancelledByGrpc() { return absl::CancelledError("cancelled"); }

std::optional<std::string> ContentOf(const grpc::ByteBuffer& buffer) {
  if (!buffer.Valid()) return std::nullopt;
  std::vector<grpc::Slice> slices;
  std::string content;
  content.reserve(buffer.Length());
  if (!buffer.Dump(&slices).ok()) return content;
  for (const grpc::Slice& slice : slices) content.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return content;
}

grpc::ByteBuffer BufferOf(const std::string& content) {
  const grpc::Slice slice(content);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer GarbageBuffer() { return BufferOf(kGarbage); }

}  // namespace userclient::internal
