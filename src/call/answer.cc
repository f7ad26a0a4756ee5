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
  CallRecorder recorder(plan, options, now);
  recorder.Begin(CallRole::kCall, CallObservation::Begin(plan, options));
  return recorder.Finish(std::move(status), CallEnd::kRejected, now);
}

/// A call that has a stand-in.
class StandInCall final : public TypedCall {
 public:
  StandInCall(const MethodPlan& plan, CallOptions& options, std::string key, std::unique_ptr<TypedCall> call,
              std::shared_ptr<CallObservation> observation)
      : answers_(plan.answers),
        fallback_(std::move(options.fallback)),
        stand_in_(answers_.get(), fallback_, std::move(key), options.report, std::move(observation)),
        call_(std::move(call)) {}

  void Start(int number, const PooledChannel& channel, grpc::ClientContext& context,
             std::function<void(grpc::Status)> done) override {
    call_->Start(number, channel, context, std::move(done));
  }

  void Complete(absl::Status status, int winner) override {
    if (status.ok()) {
      stand_in_.Keep(call_->response(winner));
    } else if (stand_in_.Answer(status, call_->response(kStandIn))) {
      status = absl::OkStatus();
      winner = kStandIn;
    }
    stand_in_.End();
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
  if (plan.answers == nullptr && !options.fallback) {
    return CallBlocking(core, plan, options, attempt, CallObservation::Begin(plan, options));
  }

  if (absl::Status wrong = CheckFallback(options.fallback, response); !wrong.ok())
    return Unusable(plan, options, std::move(wrong));
  std::string key = NeedsKey(plan) ? RequestKey(request, options.metadata) : std::string();
  std::shared_ptr<CallObservation> observation = CallObservation::Begin(plan, options);
  const StandIn stand_in(plan.answers.get(), options.fallback, std::move(key), options.report, observation);
  absl::Status status = CallBlocking(core, plan, options, attempt, std::move(observation));
  if (status.ok()) {
    stand_in.Keep(response);
  } else if (stand_in.Answer(status, response)) {
    status = absl::OkStatus();
  }
  stand_in.End();
  return status;
}

std::shared_ptr<CallHandle> AnswerAsync(std::shared_ptr<ClientCore> core, int method, CallOptions options,
                                        std::unique_ptr<TypedCall> call) {
  std::shared_ptr<const MethodPlan> kept = core->plan(method);
  const MethodPlan& plan = *kept;
  if (plan.answers == nullptr && !options.fallback) {
    auto observation = CallObservation::Begin(plan, options);
    return CallAsync(std::move(core), std::move(kept), std::move(options), std::move(call), CallRole::kCall,
                     std::move(observation));
  }

  if (absl::Status wrong = CheckFallback(options.fallback, call->response(0)); !wrong.ok()) {
    const CallbackScope scope;
    call->Complete(Unusable(plan, options, std::move(wrong)), 0);
    return nullptr;
  }
  std::string key = NeedsKey(plan) ? RequestKey(call->request(), options.metadata) : std::string();
  std::shared_ptr<CallObservation> observation = CallObservation::Begin(plan, options);
  if (plan.answers != nullptr && plan.answers->flights != nullptr) {
    auto shared = std::make_shared<SharedCall>(std::move(core), method, std::move(kept), std::move(options), std::move(key),
                                               std::move(call), std::move(observation));
    shared->Begin();
    return shared;
  }
  auto stood_in_for = std::make_unique<StandInCall>(plan, options, std::move(key), std::move(call), observation);
  return CallAsync(std::move(core), std::move(kept), std::move(options), std::move(stood_in_for), CallRole::kCall,
                   std::move(observation));
}

bool WaitsOnAsync(const ClientCore& core, int method) { return core.WaitsOnAsync(method); }

}  // namespace userclient::internal
