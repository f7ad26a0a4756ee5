#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/attempt.h"
#include "server/call_environment.h"
#include "server/live_streams.h"

namespace userclient::internal {

/// What the streaming methods have in common: the attempt, its fault, the end, and that one thing happens at a time.
///
/// A stream is a state machine. Whatever happens to it (a message went out or came in, the store has answered, the feed has news,
/// the client is gone, the server drains) is noted and followed by `Turn`, which runs `Step`; and Step looks at all that is known
/// and does what can be done now. Steps of one stream never run at once, and none is missed. No thread waits for a stream, and no
/// lock is held while gRPC is called.
///
/// A stream lives until gRPC is done with it and nobody else holds it. After its end it touches nothing but itself.
class StreamCall : public std::enable_shared_from_this<StreamCall> {
 public:
  virtual ~StreamCall();

  StreamCall(const StreamCall&) = delete;
  StreamCall& operator=(const StreamCall&) = delete;

  /// Something has happened. Thread-safe; never blocks.
  void Turn();

  /// Lets it live, and take its first step. `request`: empty if the client streams.
  void Begin(const std::string& request);

 protected:
  /// `method` without its service; it and the environment live as long as the server.
  StreamCall(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, std::string_view method,
             grpc::CallbackServerContext* context);

  // For Step, and to be called by it alone:

  /// Whether the next message may be sent or taken. If not, the fault has seen to what happens instead.
  bool MayGoOn();

  /// A message is being given to gRPC; OnSent will follow. One at a time. `counts`: for the fault's "after".
  void NoteSending(bool counts);
  /// That message has not yet passed the flow control.
  bool sending() const { return sending_; }

  void NoteReceived() { ++messages_.received; }
  /// Counts a message for the fault's "after" that was taken, not sent.
  void NoteTaken();

  /// Runs what may wait for a disk, on a thread where it may; then a Step follows. One at a time.
  void Work(std::function<absl::Status()> work);
  bool working() const { return working_; }
  /// How the work ended, once; nullopt while it runs.
  std::optional<absl::Status> TakeWork();

  /// The stream ends with this status once the message being sent is out.
  void End(const absl::Status& status);
  /// The same where a healthy stream ends; the fault may want that it never does.
  void EndDuly(const absl::Status& status);

  const Attempt& attempt() const { return attempt_; }
  DrainPhase drain_phase() const { return live_streams_->drain_phase(); }

  // From gRPC's reactions:

  void OnSent(bool ok);
  void OnCancelled();
  void OnGone();

 private:
  virtual void Step() = 0;
  /// The stream is over: lets go of everybody who may call Turn.
  virtual void OnEnd() {}

  virtual void SendHeaders() = 0;
  virtual void SendGarbage() = 0;
  virtual void FinishWith(const grpc::Status& status) = 0;

  enum class Sent { kNot, kOut, kFailed };

  void RunStep();
  /// Does what the fault wants after `after` messages; false if it wants nothing.
  bool EndAsTold(const Fault& fault);
  void WaitFor(std::chrono::nanoseconds duration);

  const std::shared_ptr<LiveStreams> live_streams_;
  Attempt attempt_;
  // Its own owner until gRPC is done.
  std::shared_ptr<StreamCall> self_;
  std::atomic<int64_t> turns_{0};

  // Set by others, before they call Turn.
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> alarm_over_{true};
  std::atomic<Sent> sent_{Sent::kNot};
  // While it is true, the worker owns the next two.
  std::atomic<bool> working_{false};
  absl::Status work_status_;
  std::string work_error_;

  // The rest belongs to Step.
  MessageCounts messages_;
  bool sending_ = false;
  bool counts_ = false;
  bool work_to_take_ = false;
  std::optional<absl::Status> end_;
  bool ended_ = false;

  // Of the fault.
  std::unique_ptr<grpc::Alarm> alarm_;
  int64_t counted_ = 0;
  bool delayed_ = false;
  bool slowed_ = false;
  std::string error_;
  bool hangs_ = false;
};

}  // namespace userclient::internal
