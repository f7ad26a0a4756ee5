#include "server/fault_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "server/printable_ascii.h"
#include "server/status_conversion.h"

namespace userclient::internal {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kUnaryMethods = {"GetUser", "ListUsers", "CreateUser"};
constexpr std::array<std::string_view, 4> kStreamingMethods = {"StreamActivity", "BatchCreateUsers", "WatchUsers", "LookupUsers"};
constexpr int kMaxTimes = 1'000'000;
constexpr std::chrono::hours kMaxDelay{24};
constexpr int kMaxAfter = 1'000'000'000;

/// "0.25s" as in the JSON form of google.protobuf.Duration: seconds with up to nine digits behind the point.
std::optional<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  if (text.empty() || text.back() != 's') return std::nullopt;
  text.remove_suffix(1);
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() || whole.size() > 9 || fraction.size() > 9 || (point != std::string_view::npos && fraction.empty())) {
    return std::nullopt;
  }
  int64_t nanoseconds = 0;
  for (char c : whole) {
    if (c < '0' || c > '9') return std::nullopt;
    nanoseconds = nanoseconds * 10 + (c - '0');
  }
  for (size_t i = 0; i < 9; ++i) {
    const char c = i < fraction.size() ? fraction[i] : '0';
    if (c < '0' || c > '9') return std::nullopt;
    nanoseconds = nanoseconds * 10 + (c - '0');
  }
  return std::chrono::nanoseconds(nanoseconds);
}

/// What gRPC lets a program send: other names and values would abort the process.
std::string ProblemWithTrailer(std::string_view key, std::string_view value) {
  const bool legal = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (!legal) return "is not a name of metadata: lower-case letters, digits, '-', '_' and '.'";
  if (key.starts_with("grpc-")) return "is reserved for gRPC";
  const bool binary = key.ends_with("-bin");
  if (!binary && !IsPrintableAscii(value)) return "must be printable ASCII (a name that ends in -bin takes any bytes)";
  return "";
}

/// Keys and values may hold anything; a mistake is one line of text.
std::string OnOneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      line.push_back(c);
    } else {
      absl::StrAppend(&line, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return line;
}

/// Reads JSON strictly and remembers every mistake with its path.
class Reader {
 public:
  const std::vector<std::string>& mistakes() const { return mistakes_; }

  void Mistake(std::string_view path, std::string_view reason) {
    mistakes_.push_back(
        OnOneLine(path.empty() ? std::string(reason) : absl::StrCat(std::string(path), ": ", std::string(reason))));
  }

  /// False, with a mistake, unless `value` is an object whose keys are all among `known`.
  bool Object(const json& value, const std::string& path, std::initializer_list<std::string_view> known) {
    if (!value.is_object()) {
      Mistake(path, "must be an object");
      return false;
    }
    bool fine = true;
    for (const auto& [key, unused] : value.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      Mistake(Join(path, key), "unknown key");
      fine = false;
    }
    return fine;
  }

  static std::string Join(const std::string& path, const std::string& key) {
    return path.empty() ? key : absl::StrCat(path, ".", key);
  }

  std::optional<std::string> String(const json& object, const std::string& path, const char* key) {
    const auto found = object.find(key);
    if (found == object.end()) return std::nullopt;
    if (found->is_string()) return found->get<std::string>();
    Mistake(Join(path, key), "must be a string");
    return std::nullopt;
  }

  bool Bool(const json& object, const std::string& path, const char* key) {
    const auto found = object.find(key);
    if (found == object.end()) return false;
    if (found->is_boolean()) return found->get<bool>();
    Mistake(Join(path, key), "must be true or false");
    return false;
  }

  /// From 1 to `most`.
  std::optional<int> Count(const json& object, const std::string& path, const char* key, int most) {
    const auto found = object.find(key);
    if (found == object.end()) return std::nullopt;
    // A number above the range of int64 is unsigned to the JSON library; it is too large in any case.
    if (found->is_number_integer() && !(found->is_number_unsigned() && found->get<uint64_t>() > static_cast<uint64_t>(most))) {
      const int64_t count = found->get<int64_t>();
      if (count >= 1 && count <= most) return static_cast<int>(count);
    }
    Mistake(Join(path, key), absl::StrCat("must be a whole number from 1 to ", most));
    return std::nullopt;
  }

  std::optional<std::chrono::nanoseconds> Duration(const json& object, const std::string& path, const char* key) {
    const std::optional<std::string> text = String(object, path, key);
    if (!text) return std::nullopt;
    const std::optional<std::chrono::nanoseconds> duration = ParseDuration(*text);
    if (!duration) {
      Mistake(Join(path, key), "must be a duration in seconds, like \"0.25s\"");
    } else if (*duration > kMaxDelay) {
      Mistake(Join(path, key), "must be at most 86400s");
      return std::nullopt;
    }
    return duration;
  }

 private:
  std::vector<std::string> mistakes_;
};

template <size_t size>
bool IsAmong(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <size_t size>
std::string Quoted(const std::array<std::string_view, size>& names) {
  return absl::StrJoin(names, ", ", [](std::string* out, std::string_view name) { out->append("\"").append(name).append("\""); });
}

std::optional<absl::StatusCode> CodeNamed(std::string_view name) {
  for (int code = 0; code <= 16; ++code) {
    if (name == StatusCodeName(static_cast<absl::StatusCode>(code))) return static_cast<absl::StatusCode>(code);
  }
  return std::nullopt;
}

void ReadViolations(Reader& reader, const json& value, const std::string& path, Fault& fault) {
  if (!value.is_array()) return reader.Mistake(path, "must be a list of {\"field\": ..., \"description\": ...}");
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string item = absl::StrCat(path, "[", i, "]");
    if (!reader.Object(value[i], item, {"field", "description"})) continue;
    fault.violations.emplace_back(reader.String(value[i], item, "field").value_or(""),
                                  reader.String(value[i], item, "description").value_or(""));
  }
}

void ReadMetadata(Reader& reader, const json& value, const std::string& path, Fault& fault) {
  if (!value.is_object()) return reader.Mistake(path, "must be an object");
  for (const auto& [key, text] : value.items()) {
    const std::string item = Reader::Join(path, key);
    if (!text.is_string()) {
      reader.Mistake(item, "must be a string");
      continue;
    }
    const std::string content = text.get<std::string>();
    const std::string problem = ProblemWithTrailer(key, content);
    if (!problem.empty()) {
      reader.Mistake(item, problem);
      continue;
    }
    fault.metadata.emplace_back(key, content);
  }
}

void ReadPushback(Reader& reader, const json& value, const std::string& path, Fault& fault) {
  const std::string text = reader.String(value, path, "pushback").value_or("");
  if (text == "stop") {
    fault.pushback_ms = -1;
    return;
  }
  const std::optional<std::chrono::nanoseconds> pushback = ParseDuration(text);
  if (!pushback || *pushback > kMaxDelay) {
    return reader.Mistake(Reader::Join(path, "pushback"), "must be \"stop\" or a duration in seconds, like \"0.25s\"");
  }
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(*pushback);
  if (milliseconds != *pushback) return reader.Mistake(Reader::Join(path, "pushback"), "must be whole milliseconds");
  fault.pushback_ms = milliseconds.count();
}

/// How many ways of ending it asks for.
int EndsOf(const Fault& fault) {
  return (fault.status ? 1 : 0) + (fault.hang ? 1 : 0) + (fault.throws ? 1 : 0) + (fault.garbage ? 1 : 0) + (fault.drop ? 1 : 0) +
         (fault.never_half_close ? 1 : 0);
}

/// The parts that an entry and a step of a script have in common; their keys have been checked.
Fault ReadFault(Reader& reader, std::string_view method, const json& value, const std::string& path) {
  const size_t mistakes_before = reader.mistakes().size();
  Fault fault;
  const bool ok = reader.Bool(value, path, "ok");
  fault.delay = reader.Duration(value, path, "delay").value_or(std::chrono::nanoseconds(0));
  fault.headers = reader.Bool(value, path, "headers");
  if (const std::optional<std::string> name = reader.String(value, path, "status")) {
    fault.status = CodeNamed(*name);
    if (!fault.status)
      reader.Mistake(Reader::Join(path, "status"), absl::StrCat("\"", *name, "\" is no gRPC status code, like \"UNAVAILABLE\""));
  }
  fault.message = reader.String(value, path, "message").value_or(fault.status ? "injected fault" : "");
  if (value.contains("details")) ReadViolations(reader, value["details"], Reader::Join(path, "details"), fault);
  fault.hang = reader.Bool(value, path, "hang");
  fault.throws = reader.Bool(value, path, "throw");
  fault.garbage = reader.Bool(value, path, "garbage");
  fault.drop = reader.Bool(value, path, "drop");
  fault.after = reader.Count(value, path, "after", kMaxAfter).value_or(0);
  fault.slow = reader.Duration(value, path, "slow").value_or(std::chrono::nanoseconds(0));
  fault.never_half_close = reader.Bool(value, path, "never_half_close");
  if (value.contains("pushback")) ReadPushback(reader, value, path, fault);
  if (value.contains("metadata")) ReadMetadata(reader, value["metadata"], Reader::Join(path, "metadata"), fault);
  if (reader.mistakes().size() != mistakes_before) return fault;

  const absl::Status possible = CheckFault(method, fault);
  if (!possible.ok()) {
    reader.Mistake(path, std::string(possible.message()));
    return fault;
  }
  const bool does_nothing = EndsOf(fault) == 0 && !fault.headers && !fault.pushback_ms && fault.metadata.empty() &&
                            fault.delay.count() == 0 && fault.slow.count() == 0;
  if (does_nothing && !ok) reader.Mistake(path, "says nothing; an attempt that goes well is {\"ok\": true}");
  if (ok && EndsOf(fault) != 0) reader.Mistake(path, "\"ok\" goes with no other end");
  return fault;
}

void ReadScript(Reader& reader, const json& value, const std::string& path, FaultEntry& entry) {
  if (!reader.Object(value, path, {"method", "script", "repeat"})) return;
  entry.is_script = true;
  entry.repeat = reader.Bool(value, path, "repeat");
  const json& script = value["script"];
  if (!script.is_array() || script.empty())
    return reader.Mistake(Reader::Join(path, "script"), "must be a list with at least one step");
  for (size_t i = 0; i < script.size(); ++i) {
    const std::string step = absl::StrCat(path, ".script[", i, "]");
    if (!reader.Object(script[i], step,
                       {"ok", "status", "message", "details", "delay", "hang", "throw", "garbage", "drop", "after", "slow",
                        "never_half_close", "headers", "pushback", "metadata", "times"})) {
      continue;
    }
    entry.steps.push_back(ReadFault(reader, entry.method, script[i], step));
    entry.steps.back().times = reader.Count(script[i], step, "times", kMaxTimes).value_or(1);
  }
}

void ReadChance(Reader& reader, const json& value, const std::string& path, FaultEntry& entry) {
  if (!reader.Object(value, path,
                     {"method", "probability", "times", "status", "message", "details", "delay", "hang", "throw", "garbage",
                      "drop", "after", "slow", "never_half_close", "headers", "pushback", "metadata"})) {
    return;
  }
  if (const auto found = value.find("probability"); found != value.end()) {
    if (!found->is_number()) {
      reader.Mistake(Reader::Join(path, "probability"), "must be a number");
    } else if (const double probability = found->get<double>(); !(probability >= 0 && probability <= 1)) {
      reader.Mistake(Reader::Join(path, "probability"), "must be from 0 to 1");
    } else {
      entry.probability = probability;
    }
  }
  entry.times = reader.Count(value, path, "times", kMaxTimes);
  entry.steps.push_back(ReadFault(reader, entry.method, value, path));
}

FaultEntry ReadEntry(Reader& reader, const json& value, const std::string& path) {
  FaultEntry entry;
  if (!value.is_object()) {
    reader.Mistake(path, "must be an object");
    return entry;
  }
  if (!value.contains("method")) {
    reader.Mistake(Reader::Join(path, "method"), "is missing");
  } else if (const std::optional<std::string> method = reader.String(value, path, "method")) {
    const absl::Status known = CheckFaultMethod(*method);
    if (!known.ok()) reader.Mistake(Reader::Join(path, "method"), std::string(known.message()));
    entry.method = *method;
  }
  if (value.contains("script")) {
    ReadScript(reader, value, path, entry);
  } else {
    ReadChance(reader, value, path, entry);
  }
  return entry;
}

/// The JSON library keeps the last of several equal keys and says nothing, so they are looked for while it reads.
class RepeatedKeys {
 public:
  bool operator()(int, json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
        open_.emplace_back();
        break;
      case json::parse_event_t::object_end:
        open_.pop_back();
        break;
      case json::parse_event_t::key:
        if (!open_.back().insert(parsed.get<std::string>()).second) found_ = parsed.get<std::string>();
        break;
      default:
        break;
    }
    return true;
  }

  const std::optional<std::string>& found() const { return found_; }

 private:
  std::vector<std::set<std::string>> open_;
  std::optional<std::string> found_;
};

absl::StatusOr<json> ParseJson(std::string_view text) {
  RepeatedKeys repeated_keys;
  try {
    json parsed = json::parse(text, std::ref(repeated_keys));
    if (repeated_keys.found())
      return absl::InvalidArgumentError(absl::StrCat("the key \"", OnOneLine(*repeated_keys.found()), "\" is there twice"));
    return parsed;
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON: ", OnOneLine(error.what())));
  }
}

}  // namespace

absl::Status CheckFaultMethod(std::string_view method) {
  if (method == "*" || IsAmong(kUnaryMethods, method) || IsAmong(kStreamingMethods, method)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("\"", std::string(method), "\" is no method that can be made to fail: ",
                                                 Quoted(kUnaryMethods), ", ", Quoted(kStreamingMethods), " or \"*\""));
}

absl::Status CheckFault(std::string_view method, const Fault& fault) {
  if (EndsOf(fault) > 1)
    return absl::InvalidArgumentError("can end in one way only: status, hang, throw, garbage, drop or never_half_close");
  const bool of_streams = fault.after != 0 || fault.slow.count() != 0 || fault.never_half_close;
  if (of_streams && !IsAmong(kStreamingMethods, method)) {
    return absl::InvalidArgumentError(
        absl::StrCat("after, slow and never_half_close are for one method that streams: ", Quoted(kStreamingMethods)));
  }
  if (fault.after < 0) return absl::InvalidArgumentError("after must not be negative");
  if (fault.after > 0 && (EndsOf(fault) == 0 || fault.never_half_close)) {
    return absl::InvalidArgumentError("after needs an end: status, hang, throw, garbage or drop");
  }
  if (fault.slow.count() < 0 || fault.slow > kMaxDelay) return absl::InvalidArgumentError("slow must be from 0s to 86400s");
  if (fault.status == absl::StatusCode::kOk) return absl::InvalidArgumentError("a status of OK is no fault; leave it out");
  if (fault.status && (static_cast<int>(*fault.status) < 1 || static_cast<int>(*fault.status) > 16)) {
    return absl::InvalidArgumentError("the status is no gRPC status code");
  }
  if (!fault.status && (!fault.message.empty() || !fault.violations.empty())) {
    return absl::InvalidArgumentError("message and details need a status");
  }
  const bool has_trailers = fault.pushback_ms || !fault.metadata.empty();
  if (fault.hang && ((fault.delay.count() != 0 && fault.after == 0) || has_trailers)) {
    return absl::InvalidArgumentError("what hangs sends no trailers and needs no delay");
  }
  if ((fault.drop || fault.never_half_close) && has_trailers) {
    return absl::InvalidArgumentError("what is dropped or never ends sends no trailers");
  }
  if (fault.delay.count() < 0 || fault.delay > kMaxDelay)
    return absl::InvalidArgumentError("the delay must be from 0s to 86400s");
  if (fault.times < 1) return absl::InvalidArgumentError("times must be at least 1");
  for (const auto& [key, value] : fault.metadata) {
    const std::string problem = ProblemWithTrailer(key, value);
    if (!problem.empty()) return absl::InvalidArgumentError(absl::StrCat("metadata ", key, ": ", problem));
  }
  return absl::OkStatus();
}

absl::StatusOr<FaultConfig> ParseFaultConfig(std::string_view text) {
  const absl::StatusOr<json> parsed = ParseJson(text);
  if (!parsed.ok()) return parsed.status();
  const json& root = *parsed;

  FaultConfig config;
  Reader reader;
  reader.Object(root, "", {"seed", "faults"});
  if (root.is_object()) {
    if (const auto seed = root.find("seed"); seed != root.end()) {
      if (seed->is_number_unsigned()) {
        config.seed = seed->get<uint64_t>();
      } else {
        reader.Mistake("seed", "must be a whole number, not negative");
      }
    }
    if (const auto faults = root.find("faults"); faults != root.end()) {
      if (!faults->is_array()) reader.Mistake("faults", "must be a list");
      for (size_t i = 0; faults->is_array() && i < faults->size(); ++i) {
        config.entries.push_back(ReadEntry(reader, (*faults)[i], absl::StrCat("faults[", i, "]")));
      }
    }
  }
  if (!reader.mistakes().empty()) return absl::InvalidArgumentError(absl::StrJoin(reader.mistakes(), "\n"));
  return config;
}

}  // namespace userclient::internal
