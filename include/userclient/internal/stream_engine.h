#pragma once

/// What the typed faces of streams (message_stream.h) know of the engine below them, which is compiled once for all services.

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "userclient/call_options.h"
#include "userclient/internal/pooled_channel.h"
#include "userclient/internal/stream_handle.h"

namespace userclient::internal {

class ClientCore;

/// What the end of an attempt means to the typed end of a stream.
enum class StreamTurn {
  /// What its status says goes: the stream is resumed, or fails.
  kByTheRules,
  /// What ended it has been dealt with: another attempt, at once.
  kAgain,
  /// There is nothing left to do: the stream has ended well.
  kComplete,
};

/// What the attempts of a stream report, one after the other, on any thread.
class StreamEvents {
 public:
  virtual ~StreamEvents() = default;
  /// The end of a Read. False: there will be no further message.
  virtual void OnRead(bool ok) = 0;
  /// The end of the attempt, after StopReading.
  virtual void OnEnded(grpc::Status status) = 0;
};

/// The typed end of a stream of responses: makes the requests, holds the messages. Everything but HasRoom is called by the
/// engine, one call at a time.
class TypedStream {
 public:
  virtual ~TypedStream() = default;

  /// Once, before the first attempt. *Errors:* the stream ends with them, and nothing is sent.
  virtual absl::Status Prepare() { return absl::OkStatus(); }
  /// Starts an attempt from where the stream has come to. The one before has ended.
  virtual void Start(const PooledChannel& channel, grpc::ClientContext& context, StreamEvents& events) = 0;
  /// Asks the attempt for the next message; answered by OnRead. Not before the last one has been taken.
  virtual void Read() = 0;
  /// No Read follows in this attempt, and none is under way.
  virtual void StopReading() = 0;
  /// Takes the message that was read; nullopt if the bytes were no such message.
  virtual std::optional<StreamProgress> Take() = 0;
  /// Whether another message may be read. If not, the application makes room, and then calls StreamHandle::WantMore.
  virtual bool HasRoom() = 0;
  /// Since when the peer has had something to say, so that its silence from then on, or since its last message, may be held
  /// against it; nullopt: it has nothing to say.
  virtual std::optional<std::chrono::steady_clock::time_point> ExpectsSince() const = 0;
  /// An attempt has ended, and may be given another status than the one that it seems to have. Not called once the stream has
  /// ended.
  virtual StreamTurn AttemptEnded(absl::Status& /*status*/) { return StreamTurn::kByTheRules; }
  /// The stream has ended. Once. Messages that were taken before are still the application's.
  virtual void Complete(absl::Status status) = 0;
};

/// What kind of stream it is.
struct StreamKind {
  /// It can go on where it broke off: the typed end knows how far it has come.
  bool resumable = false;
  /// It lives until it is cancelled. Its method's timeout is that of one attempt, after which it is resumed.
  bool endless = false;
  /// Somebody waits for each of its messages. So, though endless, it does not wait for a server for ever: it is refused while the
  /// breaker is open, and fails when one attempt after the other has brought nothing.
  bool gives_up = false;
  /// An attempt that brings no message for this long, while the peer should, is given up and resumed. Absent: it may be silent
  /// until the deadline.
  std::optional<std::chrono::nanoseconds> idle_timeout{};
};

/// A stream that is yet to begin. `typed` lives at least until it is complete and its attempts have ended.
std::shared_ptr<StreamHandle> PrepareStream(std::shared_ptr<ClientCore> core, int method, CallOptions options, StreamKind kind,
                                            std::shared_ptr<TypedStream> typed);

/// One that has begun.
std::shared_ptr<StreamHandle> StartStream(std::shared_ptr<ClientCore> core, int method, CallOptions options, StreamKind kind,
                                          std::shared_ptr<TypedStream> typed);

}  // namespace userclient::internal
