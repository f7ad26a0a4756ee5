#include "config/duration.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "config/problems.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

constexpr size_t kMostDecimals = 9;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
// A hundred years: short enough that the present time and two durations can be added up in 64 bits of nanoseconds.
constexpr int64_t kLongest = 3'153'600'000 * kNanosPerSecond;

// A number without a sign, as digits: "0.05", also ".5" and "5.".
struct Decimal {
  std::string_view whole;
  std::string_view fraction;
};

std::string_view TakeDigits(std::string_view& text) {
  const size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

std::optional<Decimal> TakeDecimal(std::string_view& text, bool& has_point) {
  Decimal decimal;
  decimal.whole = TakeDigits(text);
  has_point = text.starts_with('.');
  if (has_point) {
    text.remove_prefix(1);
    decimal.fraction = TakeDigits(text);
  }
  if (decimal.whole.empty() && decimal.fraction.empty()) return std::nullopt;
  return decimal;
}

// value = value * factor + addend, of numbers that are not negative; false if that is more than int64 holds.
bool MultiplyAdd(int64_t& value, int64_t factor, int64_t addend) {
  if (value > (std::numeric_limits<int64_t>::max() - addend) / factor) return false;
  value = value * factor + addend;
  return true;
}

// nullopt: more than int64 holds, or finer than a nanosecond.
std::optional<int64_t> ToNanos(Decimal decimal, int64_t nanos_per_unit) {
  int64_t nanos = 0;
  for (char digit : decimal.whole) {
    if (!MultiplyAdd(nanos, 10, digit - '0')) return std::nullopt;
  }
  if (!MultiplyAdd(nanos, nanos_per_unit, 0)) return std::nullopt;
  int64_t place = nanos_per_unit;
  for (char digit : decimal.fraction) {
    if (digit != '0' && (place == 0 || place % 10 != 0)) return std::nullopt;
    place /= 10;
    if (!MultiplyAdd(nanos, 1, place * (digit - '0'))) return std::nullopt;
  }
  return nanos;
}

struct Unit {
  std::string_view name;
  int64_t nanos;
};

constexpr std::array<Unit, 14> kUnits = {{
    {"", kNanosPerSecond},
    {"s", kNanosPerSecond},
    {"S", kNanosPerSecond},
    {"sec", kNanosPerSecond},
    {"secs", kNanosPerSecond},
    {"second", kNanosPerSecond},
    {"seconds", kNanosPerSecond},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
    {"m", 60 * kNanosPerSecond},
    {"min", 60 * kNanosPerSecond},
    {"h", 3600 * kNanosPerSecond},
    {"d", 24 * 3600 * kNanosPerSecond},
}};

// What the writer of `text` most likely meant, in the form that is understood.
std::optional<std::chrono::nanoseconds> Guess(std::string_view text) {
  const auto skip_blanks = [&text] { text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size())); };
  skip_blanks();
  if (text.starts_with('+')) text.remove_prefix(1);
  bool has_point = false;
  const std::optional<Decimal> decimal = TakeDecimal(text, has_point);
  if (!decimal.has_value()) return std::nullopt;
  skip_blanks();
  while (text.ends_with(' ')) text.remove_suffix(1);
  for (const Unit& unit : kUnits) {
    if (text != unit.name) continue;
    const std::optional<int64_t> nanos = ToNanos(*decimal, unit.nanos);
    if (nanos.has_value() && *nanos <= kLongest) return std::chrono::nanoseconds(*nanos);
  }
  return std::nullopt;
}

absl::Status NotADuration(std::string_view text) {
  const std::optional<std::chrono::nanoseconds> guess = Guess(text);
  const std::string hint = guess.has_value() ? Concat("write \"", FormatDuration(*guess), "\"")
                                             : std::string("write seconds with an 's', such as \"0.5s\"");
  return absl::InvalidArgumentError(Concat("must be a duration, not ", Quote(text), "; ", hint));
}

}  // namespace

absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  bool has_point = false;
  const std::optional<Decimal> decimal = TakeDecimal(rest, has_point);
  const bool complete = decimal.has_value() && !decimal->whole.empty() && has_point == !decimal->fraction.empty() && rest == "s";
  if (!complete) return NotADuration(text);
  if (negative) return absl::InvalidArgumentError(Concat("must not be negative, as ", Quote(text), " is"));
  if (decimal->fraction.size() > kMostDecimals) {
    return absl::InvalidArgumentError(Concat("must have at most 9 decimals, not as many as ", Quote(text)));
  }
  const std::optional<int64_t> nanos = ToNanos(*decimal, kNanosPerSecond);
  if (!nanos.has_value() || *nanos > kLongest) {
    return absl::InvalidArgumentError(Concat("must be at most \"3153600000s\" (100 years), not ", Quote(text)));
  }
  return std::chrono::nanoseconds(*nanos);
}

std::string FormatDuration(std::chrono::nanoseconds duration) {
  const int64_t nanos = duration.count();
  std::string text = std::to_string(nanos / kNanosPerSecond);
  if (nanos % kNanosPerSecond != 0) {
    const std::string digits = std::to_string(nanos % kNanosPerSecond);
    std::string fraction = std::string(kMostDecimals - digits.size(), '0') + digits;
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += Concat(".", fraction);
  }
  return text + "s";
}

}  // namespace userclient::internal
