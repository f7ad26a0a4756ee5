#pragma once

namespace userclient {

/// What a message of a stream means for how the stream would go on.
enum class StreamProgress {
  /// It is the application's.
  kMessage,
  /// It is the application's, and nothing can follow: whatever becomes of the stream now, it is complete.
  kLastMessage,
  /// It only tells how far the stream has come.
  kPosition,
};

}  // namespace userclient

namespace userclient::internal {

/// A stream under way, as its typed end can reach it. *Thread-safe.*
class StreamHandle {
 public:
  virtual ~StreamHandle() = default;
  /// Once.
  virtual void Begin() = 0;
  /// Ends it with CANCELLED. Never blocks.
  virtual void Cancel() = 0;
  /// There is room for messages again.
  virtual void WantMore() = 0;
  /// Nobody is interested any more: as Cancel, and nothing that the options point to is used once this has returned.
  virtual void Abandon() = 0;
};

}  // namespace userclient::internal
