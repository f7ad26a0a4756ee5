#pragma once

/// HTTP/2 as bytes (RFC 9113), right or wrong as the test wants it: nothing here is checked.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace userclient::testing {

enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

inline constexpr uint8_t kNoFlags = 0;
inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kAck = 1;
inline constexpr uint8_t kEndHeaders = 4;
inline constexpr uint8_t kPadded = 8;

/// What every connection of a client begins with.
inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

/// Identifier and value.
using SettingsList = std::vector<std::pair<uint16_t, uint32_t>>;
inline constexpr uint16_t kMaxConcurrentStreams = 3;
inline constexpr uint16_t kInitialWindowSize = 4;
inline constexpr uint16_t kMaxFrameSize = 5;

/// The number, most significant byte first.
std::string BigEndian(uint64_t number, int bytes);

/// The nine bytes before a payload of this length, wherever that may be.
std::string FrameHeader(FrameType type, uint8_t flags, uint32_t stream, uint32_t length);
std::string Frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload);

std::string Settings(const SettingsList& list);
std::string SettingsAck();
std::string Ping(uint8_t flags, std::string_view eight_bytes);
std::string RstStream(uint32_t stream, uint32_t code);
std::string Goaway(uint32_t last_stream, uint32_t code, std::string_view text);
std::string WindowUpdate(uint32_t stream, uint32_t increment);
std::string Data(uint32_t stream, std::string_view payload, uint8_t flags = kNoFlags);
std::string Headers(uint32_t stream, const HeaderFields& fields, uint8_t flags = kEndHeaders);

/// HPACK (RFC 7541) without its tricks: every field literal, none remembered, none Huffman-coded.
std::string HeaderBlock(const HeaderFields& fields);

/// What gRPC puts before a message: whether it is compressed, and its length.
std::string MessagePrefix(bool compressed, uint32_t length);
std::string LengthPrefixed(std::string_view message);

/// The headers of an answer that goes well so far.
std::string ResponseHeaders(uint32_t stream, const HeaderFields& more = {});
/// The end of an answer.
std::string Trailers(uint32_t stream, const HeaderFields& fields);

}  // namespace userclient::testing
