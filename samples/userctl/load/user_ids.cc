#include "user_ids.h"

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace userctl {
namespace {

constexpr int64_t kMostIds = 1'000'000;
constexpr char kDots[] = "..";

absl::Status Wrong(const std::string& argument, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("ID \"", argument, "\": ", why, "; a range is written as in u-{1..1000}"));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExpandIds(const std::vector<std::string>& arguments) {
  std::vector<std::string> ids;
  for (const std::string& argument : arguments) {
    const size_t opening = argument.find('{');
    const size_t closing = opening == std::string::npos ? opening : argument.find('}', opening);
    if (closing == std::string::npos) {
      ids.push_back(argument);
      continue;
    }
    const std::string range = argument.substr(opening + 1, closing - opening - 1);
    const size_t dots = range.find(kDots);
    int64_t first = 0;
    int64_t last = 0;
    const bool is_range = dots != std::string::npos && absl::SimpleAtoi(range.substr(0, dots), &first) &&
                          absl::SimpleAtoi(range.substr(dots + 2), &last);
    if (!is_range || first < 0 || last < first)
      return Wrong(argument, absl::StrCat("{", range, "} goes from no number to a larger one"));
    if (last - first >= kMostIds) return Wrong(argument, absl::StrCat("more than ", kMostIds, " ids"));
    for (int64_t number = first; number <= last; ++number) {
      ids.push_back(absl::StrCat(argument.substr(0, opening), number, argument.substr(closing + 1)));
    }
  }
  return ids;
}

}  // namespace userctl
