// How a caller's answer is come by: by a call of its own, by one that it shares, or by what stands in when the call fails.

#include <utility>

#include "call/async_call.h"
#include "call/attempt_rules.h"
#include "call/blocking_call.h"
#include "call/call_recorder.h"
#include "call/callback_thread.h"
#include "call/client_core.h"
#include "call/request_key.h"
#include "call/shared_call.h"
#include "call/stand_in.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {
namespace {

using google::protobuf::MessageLite;

/// Whether the method's answers are kept or shared by request.
bool NeedsKey(const MethodPlan& plan) {
  return plan.answers != nullptr && (plan.answers->stale != nullptr || plan.answers->flights != nullptr);
}

absl::Status Unusable(const MethodPlan& plan, const CallOptions& options, absl::Status status) {
  const TimePoint now = Now();
  return CallRecorder(plan, options, now).Finish(std::move(status), CallEnd::kRejected, now);
}

/// A call that has a stand-in.
class StandInCall final : public TypedCall {
 public:
  StandInCall(const MethodPlan& plan, CallOptions& options, std::string key, std::unique_ptr<TypedCall> call)
      : answers_(plan.answers),
        fallback_(std::move(options.fallback)),
        stand_in_(answers_.get(), fallback_, std::move(key), options.report),
        call_(std::move(call)) {}

  void Start(int number, const PooledChannel& channel, grpc::ClientContext& context,
             std::function<void(grpc::Status)> done) override {
    call_->Start(number, channel, context, std::move(done));
  }

  void Complete(absl::Status status, int winner) override {
    if (status.ok()) {
      stand_in_.Keep(call_->response(winner));
    } else if (stand_in_.Answer(status, call_->response(kStandIn))) {
      return call_->Complete(absl::OkStatus(), kStandIn);
    }
    call_->Complete(std::move(status), winner);
  }

  const MessageLite& request() const override { return call_->request(); }
  MessageLite& response(int number) override { return call_->response(number); }

 private:
  const std::shared_ptr<const AnswerPlan> answers_;
  const Fallback fallback_;
  const StandIn stand_in_;
  const std::unique_ptr<TypedCall> call_;
};

}  // namespace

absl::Status AnswerBlocking(ClientCore& core, int method, const CallOptions& options, const MessageLite& request,
                            MessageLite& response, BlockingAttempt attempt) {
  const std::shared_ptr<const MethodPlan> kept = core.plan(method);
  const MethodPlan& plan = *kept;
  if (plan.answers == nullptr && !options.fallback) return CallBlocking(core, plan, options, attempt);

  if (absl::Status wrong = CheckFallback(options.fallback, response); !wrong.ok())
    return Unusable(plan, options, std::move(wrong));
  std::string key = NeedsKey(plan) ? RequestKey(request, options.metadata) : std::string();
  const StandIn stand_in(plan.answers.get(), options.fallback, std::move(key), options.report);
  absl::Status status = CallBlocking(core, plan, options, attempt);
  if (status.ok()) {
    stand_in.Keep(response);
  } else if (stand_in.Answer(status, response)) {
    return absl::OkStatus();
  }
  return status;
}

std::shared_ptr<CallHandle> AnswerAsync(std::shared_ptr<ClientCore> core, int method, CallOptions options,
                                        std::unique_ptr<TypedCall> call) {
  std::shared_ptr<const MethodPlan> kept = core->plan(method);
  const MethodPlan& plan = *kept;
  if (plan.answers == nullptr && !options.fallback) {
    return CallAsync(std::move(core), std::move(kept), std::move(options), std::move(call));
  }

  if (absl::Status wrong = CheckFallback(options.fallback, call->response(0)); !wrong.ok()) {
    const CallbackScope scope;
    call->Complete(Unusable(plan, options, std::move(wrong)), 0);
    return nullptr;
  }
  std::string key = NeedsKey(plan) ? RequestKey(call->request(), options.metadata) : std::string();
  if (plan.answers != nullptr && plan.answers->flights != nullptr) {
    auto shared = std::make_shared<SharedCall>(std::move(core), method, std::move(kept), std::move(options), std::move(key),
                                               std::move(call));
    shared->Begin();
    return shared;
  }
  auto stood_in_for = std::make_unique<StandInCall>(plan, options, std::move(key), std::move(call));
  return CallAsync(std::move(core), std::move(kept), std::move(options), std::move(stood_in_for));
}

bool WaitsOnAsync(const ClientCore& core, int method) { return core.WaitsOnAsync(method); }

}  // namespace userclient::internal
