#include "call_mix.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace userctl {
namespace {

using Part = CallMix::Part;

constexpr int kLargestWeight = 1000;
constexpr std::array<CallKind, 3> kCallKinds = {CallKind::kGet, CallKind::kList, CallKind::kCreate};

absl::Status Wrong(const std::string& part, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", part, "\" ", std::string(why),
                                                 "; write get, list or create, or a mix with weights of 1 to ", kLargestWeight,
                                                 ", as in get=90,create=10"));
}

std::optional<CallKind> KindNamed(std::string_view name) {
  for (const CallKind kind : kCallKinds) {
    if (CallKindName(kind) == name) return kind;
  }
  return std::nullopt;
}

/// Each turn goes to the kind that is the furthest behind its share.
std::vector<CallKind> CycleOf(const std::vector<Part>& parts) {
  int total = 0;
  for (const Part& part : parts) total += part.weight;

  std::vector<CallKind> cycle;
  std::vector<int> behind(parts.size());
  for (int turn = 0; turn < total; ++turn) {
    for (size_t i = 0; i < parts.size(); ++i) behind[i] += parts[i].weight;
    const auto furthest = std::max_element(behind.begin(), behind.end());
    *furthest -= total;
    cycle.push_back(parts[static_cast<size_t>(furthest - behind.begin())].kind);
  }
  return cycle;
}

}  // namespace

std::string_view CallKindName(CallKind kind) {
  switch (kind) {
    case CallKind::kGet:
      return "get";
    case CallKind::kList:
      return "list";
    case CallKind::kCreate:
      return "create";
  }
  return "unknown";
}

std::string_view MethodOf(CallKind kind) {
  switch (kind) {
    case CallKind::kGet:
      return "GetUser";
    case CallKind::kList:
      return "ListUsers";
    case CallKind::kCreate:
      return "CreateUser";
  }
  return "unknown";
}

absl::StatusOr<CallMix> CallMix::Parse(std::string_view text) {
  std::vector<Part> parts;
  const std::vector<std::string> given = absl::StrSplit(std::string(text), ',');
  for (const std::string& part : given) {
    const std::vector<std::string> sides = absl::StrSplit(part, absl::MaxSplits('=', 1));
    const std::optional<CallKind> kind = KindNamed(sides[0]);
    if (!kind) return Wrong(part, "is no call");
    int weight = 1;
    const bool is_number = sides.size() == 1 || absl::SimpleAtoi(sides[1], &weight);
    if (!is_number || weight < 1 || weight > kLargestWeight) return Wrong(part, "has no such weight");
    const auto twice = std::any_of(parts.begin(), parts.end(), [&](const Part& other) { return other.kind == *kind; });
    if (twice) return Wrong(part, "comes twice");
    parts.push_back({.kind = *kind, .weight = weight});
  }
  return CallMix(std::move(parts));
}

CallMix::CallMix(std::vector<Part> parts) : parts_(std::move(parts)), cycle_(CycleOf(parts_)) {}

bool CallMix::Contains(CallKind kind) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) { return part.kind == kind; });
}

std::string CallMix::ToText() const {
  if (parts_.size() == 1) return std::string(CallKindName(parts_.front().kind));
  return absl::StrJoin(parts_, ",", [](std::string* text, const Part& part) {
    absl::StrAppend(text, std::string(CallKindName(part.kind)), "=", part.weight);
  });
}

}  // namespace userctl
