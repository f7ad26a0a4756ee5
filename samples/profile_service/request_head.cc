#include "request_head.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace profile_service {
namespace {

/// What the name of a header is made of.
bool IsTokenChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsControlButTab(char c) { return c != '\t' && absl::ascii_iscntrl(static_cast<unsigned char>(c)); }

std::string_view WithoutBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace

void RequestHead::Take(char c) {
  if (ended_) return;
  line_ += c;
  if (c == '\n') EndLine();
}

void RequestHead::EndLine() {
  const std::string text = std::exchange(line_, "");
  std::string_view line = text;
  if (!line.ends_with("\r\n")) {
    // To some this is the end of a line, to others a part of it.
    well_formed_ = false;
    return;
  }
  line.remove_suffix(2);
  if (std::any_of(line.begin(), line.end(), IsControlButTab)) well_formed_ = false;
  if (std::exchange(first_, false)) {
    http_1_0_ = line.ends_with(" HTTP/1.0");
  } else if (line.empty()) {
    ended_ = true;
  } else {
    TakeHeader(line);
  }
}

void RequestHead::TakeHeader(std::string_view header) {
  const std::size_t colon = header.find(':');
  const std::string_view name = header.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() || !std::all_of(name.begin(), name.end(), IsTokenChar)) {
    // Also one that goes on in a second line, which begins with a blank.
    well_formed_ = false;
    return;
  }
  const std::string value(WithoutBlanks(header.substr(colon + 1)));
  const std::string key(name);
  if (absl::EqualsIgnoreCase(key, "Host")) hosts_.push_back(value);
  if (absl::EqualsIgnoreCase(key, "Content-Length")) lengths_.push_back(value);
  if (absl::EqualsIgnoreCase(key, "Transfer-Encoding")) codings_.push_back(value);
}

bool RequestHead::IsSound() const {
  if (!well_formed_ || hosts_.size() > 1 || (hosts_.empty() && !http_1_0_)) return false;
  if (lengths_.size() + codings_.size() > 1) return false;
  if (!codings_.empty()) return !http_1_0_ && absl::EqualsIgnoreCase(codings_[0], "chunked");
  if (!lengths_.empty()) return !lengths_[0].empty() && lengths_[0].find_first_not_of("0123456789") == std::string::npos;
  return true;
}

}  // namespace profile_service
