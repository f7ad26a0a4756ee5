#include "server/stream_call.h"

#include <utility>

namespace userclient::internal {

StreamCall::StreamCall(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, std::string_view method,
                       grpc::CallbackServerContext* context)
    : live_streams_(std::move(live_streams)), attempt_(environment, method, context) {}

StreamCall::~StreamCall() { live_streams_->Remove(this); }

void StreamCall::Begin(const std::string& request) {
  self_ = shared_from_this();
  if (absl::Status allowed = attempt_.Arrive(request); !allowed.ok()) {
    end_ = allowed;
  } else if (attempt_.fault() != nullptr && attempt_.fault()->headers) {
    SendHeaders();
  }
  // From now on a drain may call Turn.
  live_streams_->Add(self_);
  Turn();
}

void StreamCall::Turn() {
  if (turns_.fetch_add(1) != 0) return;
  const std::shared_ptr<StreamCall> alive = shared_from_this();
  int64_t seen = 0;
  do {
    seen = turns_.load();
    RunStep();
  } while (turns_.fetch_sub(seen) != seen);
}

void StreamCall::RunStep() {
  if (ended_) return;
  if (const Sent sent = sent_.exchange(Sent::kNot); sent != Sent::kNot) {
    sending_ = false;
    if (sent == Sent::kOut) {
      ++messages_.sent;
      if (counts_) NoteTaken();
    } else {
      end_ = CancelledByGrpc();
    }
  }
  if (cancelled_) end_ = CancelledByGrpc();
  if (!end_ && !hangs_ && alarm_over_) Step();
  if (!end_ || sending_) return;

  ended_ = true;
  if (alarm_ != nullptr) alarm_->Cancel();
  OnEnd();
  if (error_.empty() && !working_) error_ = work_error_;
  FinishWith(attempt_.End(*end_, error_, messages_));
}

bool StreamCall::MayGoOn() {
  const Fault* const fault = attempt_.fault();
  if (fault == nullptr) return true;
  if (fault->delay.count() > 0 && !delayed_) {
    delayed_ = true;
    WaitFor(fault->delay);
    return false;
  }
  if (counted_ >= fault->after && EndAsTold(*fault)) return false;
  if (fault->slow.count() > 0 && !slowed_) {
    slowed_ = true;
    WaitFor(fault->slow);
    return false;
  }
  return true;
}

bool StreamCall::EndAsTold(const Fault& fault) {
  if (fault.status) {
    End(attempt_.FaultStatus());
  } else if (fault.throws) {
    End(attempt_.Run([]() -> absl::Status { ThrowAsTold(); }, error_));
  } else if (fault.garbage) {
    SendGarbage();
    End(absl::OkStatus());
  } else if (fault.drop) {
    attempt_.Drop();
    // Until the client hangs up; to write anything now could take back what it has not yet read.
    hangs_ = true;
  } else if (fault.hang) {
    hangs_ = true;
  } else {
    return false;
  }
  return true;
}

void StreamCall::WaitFor(std::chrono::nanoseconds duration) {
  alarm_over_ = false;
  // A new one each time: an alarm cannot be set again from its own callback.
  alarm_ = std::make_unique<grpc::Alarm>();
  const auto until = std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(duration);
  // An alarm keeps its function, so that the function must not keep the stream.
  alarm_->Set(until, [weak = weak_from_this()](bool) {
    const std::shared_ptr<StreamCall> stream = weak.lock();
    if (stream == nullptr) return;
    stream->alarm_over_ = true;
    stream->Turn();
  });
}

void StreamCall::NoteSending(bool counts) {
  sending_ = true;
  counts_ = counts;
}

void StreamCall::NoteTaken() {
  ++counted_;
  slowed_ = false;
}

void StreamCall::Work(std::function<absl::Status()> work) {
  working_ = true;
  work_to_take_ = true;
  const auto run = [stream = shared_from_this(), work = std::move(work)] {
    stream->work_status_ = stream->attempt_.Run(work, stream->work_error_);
    stream->working_ = false;
    stream->Turn();
  };
  WorkerPool* const workers = attempt_.environment().workers;
  if (workers == nullptr) return run();
  workers->Post(run);
}

std::optional<absl::Status> StreamCall::TakeWork() {
  if (!work_to_take_ || working_) return std::nullopt;
  work_to_take_ = false;
  return work_status_;
}

void StreamCall::End(const absl::Status& status) { end_ = status; }

void StreamCall::EndDuly(const absl::Status& status) {
  if (attempt_.fault() != nullptr && attempt_.fault()->never_half_close) {
    hangs_ = true;
  } else {
    End(status);
  }
}

void StreamCall::OnSent(bool ok) {
  sent_ = ok ? Sent::kOut : Sent::kFailed;
  Turn();
}

void StreamCall::OnCancelled() {
  attempt_.NoteCancelled();
  cancelled_ = true;
  Turn();
}

void StreamCall::OnGone() {
  // The last owner perhaps, and then this is gone with it.
  const std::shared_ptr<StreamCall> last = std::move(self_);
}

}  // namespace userclient::internal
