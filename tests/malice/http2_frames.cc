#include "tests/malice/http2_frames.h"

#include <cstddef>

namespace userclient::testing {
namespace {

/// An HPACK integer whose first byte has seven bits of it.
std::string HpackLength(size_t length) {
  constexpr size_t kPrefix = 0x7f;
  if (length < kPrefix) return BigEndian(length, 1);
  std::string bytes(1, static_cast<char>(kPrefix));
  for (length -= kPrefix; length >= 0x80; length >>= 7) bytes.push_back(static_cast<char>(0x80 | (length & 0x7f)));
  return bytes + BigEndian(length, 1);
}

}  // namespace

std::string BigEndian(uint64_t number, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text.push_back(static_cast<char>(number >> shift));
  return text;
}

std::string FrameHeader(FrameType type, uint8_t flags, uint32_t stream, uint32_t length) {
  return BigEndian(length, 3) + BigEndian(static_cast<uint8_t>(type), 1) + BigEndian(flags, 1) + BigEndian(stream, 4);
}

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return FrameHeader(type, flags, stream, static_cast<uint32_t>(payload.size())).append(payload);
}

std::string Settings(const SettingsList& list) {
  std::string payload;
  for (const auto& [identifier, value] : list) payload += BigEndian(identifier, 2) + BigEndian(value, 4);
  return Frame(FrameType::kSettings, kNoFlags, 0, payload);
}

std::string SettingsAck() { return Frame(FrameType::kSettings, kAck, 0, {}); }

std::string Ping(uint8_t flags, std::string_view eight_bytes) { return Frame(FrameType::kPing, flags, 0, eight_bytes); }

std::string RstStream(uint32_t stream, uint32_t code) {
  return Frame(FrameType::kRstStream, kNoFlags, stream, BigEndian(code, 4));
}

std::string Goaway(uint32_t last_stream, uint32_t code, std::string_view text) {
  return Frame(FrameType::kGoaway, kNoFlags, 0, (BigEndian(last_stream, 4) + BigEndian(code, 4)).append(text));
}

std::string WindowUpdate(uint32_t stream, uint32_t increment) {
  return Frame(FrameType::kWindowUpdate, kNoFlags, stream, BigEndian(increment, 4));
}

std::string Data(uint32_t stream, std::string_view payload, uint8_t flags) {
  return Frame(FrameType::kData, flags, stream, payload);
}

std::string Headers(uint32_t stream, const HeaderFields& fields, uint8_t flags) {
  return Frame(FrameType::kHeaders, flags, stream, HeaderBlock(fields));
}

std::string HeaderBlock(const HeaderFields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block.push_back('\0');
    block += HpackLength(name.size()) + name + HpackLength(value.size()) + value;
  }
  return block;
}

std::string MessagePrefix(bool compressed, uint32_t length) { return BigEndian(compressed ? 1 : 0, 1) + BigEndian(length, 4); }

std::string LengthPrefixed(std::string_view message) {
  return MessagePrefix(false, static_cast<uint32_t>(message.size())).append(message);
}

std::string ResponseHeaders(uint32_t stream, const HeaderFields& more) {
  HeaderFields fields = {{":status", "200"}, {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return Headers(stream, fields);
}

std::string Trailers(uint32_t stream, const HeaderFields& fields) { return Headers(stream, fields, kEndHeaders | kEndStream); }

}  // namespace userclient::testing
