#pragma once

#include <memory>
#include <utility>

#include "absl/status/status.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace userclient::internal {

/// A fallback that gives the same message every time. A type of its own, so that a call can see before it is sent whether the
/// message is of the right type.
class FixedAnswer {
 public:
  explicit FixedAnswer(std::shared_ptr<const google::protobuf::MessageLite> value) : value_(std::move(value)) {}

  /// False if `answer` is of another type.
  bool operator()(const absl::Status& failure, google::protobuf::MessageLite& answer) const;

  const google::protobuf::MessageLite& value() const { return *value_; }

 private:
  /// Shared, because functions are copied.
  std::shared_ptr<const google::protobuf::MessageLite> value_;
};

}  // namespace userclient::internal
