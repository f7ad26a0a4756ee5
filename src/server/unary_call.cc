#include "server/unary_call.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <random>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

std::string ContentOf(const grpc::ByteBuffer& buffer) {
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

/// Compares every byte, so that the time it takes says nothing about where the first difference is.
bool SameSecret(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < left.size(); ++i) difference |= static_cast<unsigned char>(left[i] ^ right[i]);
  return difference == 0;
}

/// By the client, by its deadline, or by the end of the server: gRPC does not tell which.
absl::Status Cancelled() { return absl::CancelledError("cancelled"); }

}  // namespace

grpc::ServerUnaryReactor* UnaryCall::Start(CallEnvironment& environment, std::string_view method,
                                           grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response, Handler handler) {
  auto* call = new UnaryCall(environment, method, context, request, response, std::move(handler));
  call->Arrive();
  return call;
}

UnaryCall::UnaryCall(CallEnvironment& environment, std::string_view method, grpc::CallbackServerContext* context,
                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response, Handler handler)
    : environment_(environment),
      method_(method),
      context_(context),
      response_(response),
      handler_(std::move(handler)),
      request_(ContentOf(*request)),
      request_id_(RequestIdOf(*context)),
      previous_attempts_(PreviousAttemptsOf(*context)) {}

void UnaryCall::Arrive() {
  environment_.counters.NoteArrival(method_, previous_attempts_ == 0);
  if (environment_.on_attempt) {
    ReceivedAttempt attempt{.method = std::string(method_),
                            .arrived = started_,
                            .peer = context_->peer(),
                            .previous_attempts = previous_attempts_,
                            .request = request_};
    for (const auto& [key, value] : context_->client_metadata()) attempt.metadata.emplace(View(key), View(value));
    if (context_->deadline() != std::chrono::system_clock::time_point::max()) attempt.time_left = context_->deadline() - arrived_;
    environment_.on_attempt(attempt);
  }
  context_->AddTrailingMetadata("x-request-id", request_id_);
  if (environment_.name) context_->AddTrailingMetadata("x-served-by", *environment_.name);

  if (absl::Status allowed = CheckToken(); !allowed.ok()) return End(allowed);
  injection_ = environment_.faults.Next(method_);
  if (!injection_) return Handle();

  environment_.counters.NoteFault(method_);
  const Fault& fault = injection_->fault;
  SendFaultTrailers();
  if (fault.headers) StartSendInitialMetadata();
  if (fault.hang) {
    hangs_ = true;
  } else if (fault.delay.count() > 0) {
    const auto until =
        std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(fault.delay);
    delay_.Set(until, [this](bool over) { over ? Answer() : End(Cancelled()); });
  } else {
    Answer();
  }
}

absl::Status UnaryCall::CheckToken() const {
  if (!environment_.token) return absl::OkStatus();
  const std::optional<std::string_view> given = FirstValue(*context_, "authorization");
  if (!given) return absl::UnauthenticatedError("a bearer token is required");
  if (!SameSecret(*given, absl::StrCat("Bearer ", *environment_.token)))
    return absl::UnauthenticatedError("the bearer token is wrong");
  return absl::OkStatus();
}

void UnaryCall::SendFaultTrailers() {
  for (const auto& [key, value] : injection_->fault.metadata) context_->AddTrailingMetadata(key, value);
  if (injection_->fault.pushback_ms)
    context_->AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(*injection_->fault.pushback_ms));
}

void UnaryCall::Answer() {
  const Fault& fault = injection_->fault;
  if (fault.status) {
    absl::Status status(*fault.status, fault.message);
    if (!fault.violations.empty()) AttachViolations(status, fault.violations);
    return End(status);
  }
  if (fault.garbage) {
    *response_ = BufferOf(kGarbage);
    return End(absl::OkStatus());
  }
  Handle();
}

void UnaryCall::Handle() {
  if (environment_.workers == nullptr) return RunHandler();
  environment_.workers->Post([this] { RunHandler(); });
}

void UnaryCall::RunHandler() {
  if (context_->IsCancelled()) return End(Cancelled());
  std::string error;
  try {
    if (injection_ && injection_->fault.throws) throw std::runtime_error("thrown because a fault says so");
    std::string response;
    const absl::Status status = handler_(request_, response);
    if (status.ok()) *response_ = BufferOf(response);
    return End(status);
  } catch (const std::exception& thrown) {
    error = thrown.what();
  } catch (...) {
    error = "something that is no std::exception was thrown";
  }
  End(absl::InternalError(absl::StrCat("the server failed; request id ", request_id_)), std::move(error));
}

void UnaryCall::End(const absl::Status& status, std::string error) {
  environment_.counters.NoteEnd(method_, status.code());
  if (environment_.request_log) {
    environment_.request_log(FormatRequestLogLine({.arrived = arrived_,
                                                   .duration = std::chrono::steady_clock::now() - started_,
                                                   .method = absl::StrCat(kServicePrefix, std::string(method_)),
                                                   .peer = context_->peer(),
                                                   .request_id = request_id_,
                                                   .previous_attempts = previous_attempts_,
                                                   .status = status,
                                                   .fault = injection_ ? injection_->source : "",
                                                   .error = std::move(error)}));
  }
  Finish(ToGrpcStatus(status));
}

void UnaryCall::OnCancel() {
  if (std::chrono::steady_clock::now().time_since_epoch().count() >= environment_.cut_off_at.load()) ++environment_.cut_off_calls;
  if (hangs_) {
    End(Cancelled());
  } else {
    delay_.Cancel();
  }
}

void UnaryCall::OnDone() { delete this; }

}  // namespace userclient::internal
