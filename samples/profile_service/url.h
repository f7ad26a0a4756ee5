#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace profile_service {

/// The path of a request's target as it was sent: percent-encoded, so that a `%2F` is no end of a segment; without a query. Also
/// of the absolute form, `http://host/path`, which only proxies need and every server must take (RFC 9112, 3.2.2).
std::string_view PathOf(std::string_view target);

/// What a percent-encoded segment of a path stands for. *Errors:* INVALID_ARGUMENT for a `%` without two hex digits.
absl::StatusOr<std::string> PercentDecoded(std::string_view segment);

/// `text` as one segment of a path: all but letters, digits and `-._~` is encoded.
std::string PercentEncoded(std::string_view text);

}  // namespace profile_service
