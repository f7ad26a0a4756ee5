#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace userctl {

enum class CallKind { kGet, kList, kCreate };

/// "get", as the command of that name.
std::string_view CallKindName(CallKind kind);
/// "GetUser"
std::string_view MethodOf(CallKind kind);

/// Kinds of calls in fixed proportions.
class CallMix {
 public:
  struct Part {
    CallKind kind = CallKind::kGet;
    int weight = 1;
  };

  /// Reads "get", or "get=90,create=10": 90 and 10 of every 100. *Errors:* INVALID_ARGUMENT saying what to write.
  static absl::StatusOr<CallMix> Parse(std::string_view text);

  /// Only `get`.
  CallMix() : CallMix({{.kind = CallKind::kGet}}) {}

  /// The kind of the call with this number, counted from 0. The kinds take turns as evenly as their weights allow.
  CallKind KindOf(int64_t number) const { return cycle_[static_cast<size_t>(number) % cycle_.size()]; }

  bool Contains(CallKind kind) const;

  /// In the order in which they were given.
  const std::vector<Part>& parts() const { return parts_; }

  /// "get", "get=90,create=10"
  std::string ToText() const;

 private:
  explicit CallMix(std::vector<Part> parts);

  std::vector<Part> parts_;
  /// The kinds in their turns; then from the beginning again.
  std::vector<CallKind> cycle_;
};

}  // namespace userctl
