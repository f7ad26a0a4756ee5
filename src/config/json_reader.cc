#include "config/json_reader.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

constexpr std::string_view kNumberTooLarge = "number too large";

// Line and column (from 1) of the byte at `offset`; the column counts characters, not bytes.
std::string Place(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const std::string_view in_line = before.substr(before.rfind('\n') + 1);
  const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const size_t column = static_cast<size_t>(std::count_if(in_line.begin(), in_line.end(), begins_character)) + 1;
  return Concat("line ", std::to_string(line), ", column ", std::to_string(column));
}

// Builds the document, as nlohmann's own builder does, but sees repeated keys and counts levels.
class DocumentBuilder final : public nlohmann::json_sax<Json> {
 public:
  DocumentBuilder(std::string_view text, Problems& problems) : text_(text), problems_(problems) {}

  Json TakeDocument() { return std::move(document_); }
  const std::string& error() const { return error_; }

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not in text

  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    level.key = std::move(name);
    level.repeated = level.container->contains(level.key);
    if (level.repeated) problems_.Add(Here(), "stands twice; keep one");
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string reason = Reason(error.what());
    error_ = Concat(Place(text_, WhereItWentWrong(position, reason)), ": ", reason);
    return false;
  }

 private:
  struct Level {
    Json* container;
    std::string key{};
    bool repeated = false;
  };

  Path Here() const {
    Path path;
    for (const Level& level : levels_) {
      path = level.container->is_object() ? path.Key(level.key) : path.At(level.container->size() - 1);
    }
    return path;
  }

  // Puts a value where the document goes on, and says where it now lives.
  Json* Store(Json value) {
    if (levels_.empty()) return &(document_ = std::move(value));
    Level& level = levels_.back();
    if (level.container->is_array()) return &level.container->emplace_back(std::move(value));
    if (level.repeated) return &discarded_.emplace_back(std::move(value));
    return &((*level.container)[level.key] = std::move(value));
  }

  bool Add(Json value) {
    Store(std::move(value));
    return true;
  }

  bool Open(Json container) {
    if (levels_.size() == kMostLevels) {
      error_ = Concat("nested more than ", std::to_string(kMostLevels), " levels deep");
      return false;
    }
    levels_.push_back({Store(std::move(container))});
    return true;
  }

  bool Close() {
    levels_.pop_back();
    return true;
  }

  // The offset of the byte that is wrong, or of the first byte of the token that is. `bytes_read` counts that byte, or that
  // token.
  size_t WhereItWentWrong(size_t bytes_read, std::string_view reason) const {
    if (bytes_read > text_.size() || bytes_read == 0) return text_.size();
    size_t begin = bytes_read - 1;
    if (reason.find("- unexpected ") == std::string_view::npos && reason != kNumberTooLarge) return begin;
    if (text_[begin] == '"') return OpeningQuote(begin);
    while (begin > 0 && IsOfOneToken(text_[begin]) && IsOfOneToken(text_[begin - 1])) --begin;
    return begin;
  }

  size_t OpeningQuote(size_t closing) const {
    for (size_t at = closing; at-- > 0;) {
      if (text_[at] == '"' && !IsEscaped(at)) return at;
    }
    return closing;
  }

  bool IsEscaped(size_t at) const {
    size_t backslashes = 0;
    while (backslashes < at && text_[at - backslashes - 1] == '\\') ++backslashes;
    return backslashes % 2 == 1;
  }

  // Of a number or a literal.
  static bool IsOfOneToken(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == 'E' || c == '.' || c == '+' || c == '-';
  }

  static constexpr std::string_view kExpected = "'; expected ";

  // nlohmann's words, and not the end of a token that speaks of what is expected.
  static bool IsPlain(std::string_view words) {
    return words.size() < 40 && std::all_of(words.begin(), words.end(), [](char c) { return c >= ' ' && c <= '~'; });
  }

  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ...; last read: 'x'; expected y": the
  // middle. The place is ours, and the token may be long or no text at all.
  static std::string Reason(std::string_view what) {
    const size_t syntax = std::min(what.find("syntax error"), what.find("number overflow"));
    std::string reason(what.substr(syntax == std::string_view::npos ? 0 : syntax));
    if (reason.starts_with("number overflow")) return std::string(kNumberTooLarge);
    const size_t token = reason.find("; last read: '");
    if (token != std::string::npos) {
      const size_t expected = reason.rfind(kExpected);
      const bool said = expected != std::string::npos && expected >= token && IsPlain(reason.substr(expected + kExpected.size()));
      reason.erase(token, said ? expected + 1 - token : std::string::npos);
    }
    return reason;
  }

  const std::string_view text_;
  Problems& problems_;
  Json document_;
  std::deque<Json> discarded_;  // second values of repeated keys; they stay where they are while the deque grows
  std::vector<Level> levels_;
  std::string error_;
};

}  // namespace

absl::StatusOr<Json> ReadJson(std::string_view text, Problems& problems) {
  if (text.size() > kMostBytes) return absl::InvalidArgumentError("larger than 1 MiB, which no service config is");
  // nlohmann takes a NUL byte for the end of the text and would not look at what follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return absl::InvalidArgumentError(Concat(Place(text, nul), ": syntax error: a NUL byte"));
  }
  // Of this, every version of nlohmann says something else.
  if (text.empty()) return absl::InvalidArgumentError(Concat(Place(text, 0), ": syntax error: the text is empty"));
  DocumentBuilder builder(text, problems);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return absl::InvalidArgumentError(builder.error());
  return builder.TakeDocument();
}

}  // namespace userclient::internal
