#include "user_ids.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace userctl {
namespace {

constexpr int64_t kMostIds = 1'000'000;
constexpr char kDots[] = "..";

absl::Status Wrong(const std::string& argument, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("ID \"", argument, "\": ", why, "; a range is written as in u-{1..1000}"));
}

bool StartsWithZeros(const std::string& number) { return number.size() > 1 && number.starts_with('0'); }

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
    const std::string rest = argument.substr(closing + 1);
    if (rest.find('{') < rest.rfind('}')) return Wrong(argument, "has more than one range");
    const size_t dots = range.find(kDots);
    const std::string from = range.substr(0, dots);
    const std::string to = dots == std::string::npos ? "" : range.substr(dots + 2);
    int64_t first = 0;
    int64_t last = 0;
    const bool is_range = absl::SimpleAtoi(from, &first) && absl::SimpleAtoi(to, &last);
    if (!is_range || first < 0 || last < first)
      return Wrong(argument, absl::StrCat("{", range, "} goes from no number to a larger one"));
    if (last - first >= kMostIds) return Wrong(argument, absl::StrCat("more than ", kMostIds, " ids"));
    const size_t digits = StartsWithZeros(from) || StartsWithZeros(to) ? std::max(from.size(), to.size()) : 1;
    for (int64_t number = first; number <= last; ++number) {
      ids.push_back(absl::StrCat(argument.substr(0, opening), absl::StrFormat("%0*d", digits, number), rest));
    }
  }
  return ids;
}

}  // namespace userctl
