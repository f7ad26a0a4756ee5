#include "tests/malice/malices.h"

#include <ostream>
#include <utility>

#include "tests/malice/behaviours.h"
#include "tests/support/grpc_version.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;

/// gRPC (1.51) lets a status of OK win over a message of a stream that it could not read, and drops that.
const std::vector<StatusCode> kRefusedOrDropped = {StatusCode::kInternal,          StatusCode::kUnavailable,
                                                   StatusCode::kDataLoss,          StatusCode::kDeadlineExceeded,
                                                   StatusCode::kResourceExhausted, StatusCode::kOk};

/// With a newer gRPC (1.83) another one is as good.
std::vector<StatusCode> OrWithNewerGrpc(StatusCode end, std::vector<StatusCode> ends) {
  if (!kOldestGrpc) ends.push_back(end);
  return ends;
}

/// 1.83 does not tell the reader of a stream why it has refused a message.
std::vector<StatusCode> OrCancelled(std::vector<StatusCode> ends) {
  return OrWithNewerGrpc(StatusCode::kCancelled, std::move(ends));
}

/// 1.51 leaves out a status or a pushback that it cannot read; 1.83 ends the call because of it.
const std::vector<StatusCode> kUnreadableStatus = OrWithNewerGrpc(StatusCode::kInternal, {StatusCode::kUnknown});
const std::vector<StatusCode> kUnreadablePushback = OrWithNewerGrpc(StatusCode::kInternal, {StatusCode::kUnavailable});

// The analyzer loses sight of functions that are copied out of a list.
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)
std::vector<Malice> NoHttp2() {
  return {
      {.name = "Silence", .behaviour = [](MaliciousConnection& client) { client.Linger(); }, .endless = true},
      {.name = "ClosedAtOnce", .behaviour = [](MaliciousConnection&) {}, .ends = {StatusCode::kUnavailable}},
      {.name = "Http1",
       .behaviour = Say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
       .ends = {StatusCode::kUnavailable}},
      {.name = "Ssh", .behaviour = Say("SSH-2.0-OpenSSH_9.2\r\n"), .ends = {StatusCode::kUnavailable}},
      {.name = "TlsAlert",
       .behaviour = [](MaliciousConnection& client) { client.Send(std::string("\x15\x03\x01\x00\x02\x02\x0a", 7)); },
       .ends = {StatusCode::kUnavailable}},
      {.name = "EndlessGarbage",
       .behaviour = [](MaliciousConnection& client) { client.Flood(std::string(4096, '\xa5'), Pace::kMeasured); },
       .ends = {StatusCode::kUnavailable}},
      {.name = "SettingsFloodBeforeAnyRequest",
       .behaviour =
           [](MaliciousConnection& client) {
             client.Flood(Settings({{kInitialWindowSize, 65535}}), Pace::kMeasured);
           },
       .endless = true},
  };
}

std::vector<Malice> BadFrames() {
  return {
      {.name = "FrameTooLarge",
       .behaviour = AnswerWith(
           [](uint32_t stream) { return FrameHeader(FrameType::kData, kNoFlags, stream, 0xffffff) + std::string(1000, 'x'); }),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal}},
      {.name = "UnknownFrames",
       .behaviour = AnswerWith([](uint32_t stream) { return Frame(static_cast<FrameType>(0xbe), 0xff, stream, "garbage"); }),
       .endless = true},
      {.name = "HeadersOnStreamZero",
       .behaviour = AnswerWith([](uint32_t) { return ResponseHeaders(0); }),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "AnswerOnAnotherStream",
       .behaviour = AnswerWith([](uint32_t stream) { return ResponseHeaders(stream + 100) + Data(stream + 100, Message()); }),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "BadHpack",
       .behaviour = AnswerWith([](uint32_t stream) {
         return Frame(FrameType::kHeaders, kEndHeaders, stream, std::string("\xff\xff\xff\xff\xff\x7f", 6));
       }),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kUnknown}},
      {.name = "ContinuationOfNothing",
       .behaviour = AnswerWith([](uint32_t stream) { return Frame(FrameType::kContinuation, kEndHeaders, stream, "abc"); }),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kUnknown}},
      {.name = "PushPromise",
       .behaviour = AnswerWith([](uint32_t stream) {
         return Frame(FrameType::kPushPromise, kEndHeaders, stream, BigEndian(2, 4) + HeaderBlock({{":path", "/"}}));
       }),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "PaddingBeyondTheFrame",
       .behaviour = AnswerWith([](uint32_t stream) {
         return ResponseHeaders(stream) + Data(stream,
                                               "\xff"
                                               "ab",
                                               kPadded);
       }),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "BadSettings",
       .behaviour = AnswerWith(Nothing, {{kInitialWindowSize, 0x80000000}, {kMaxFrameSize, 0}}),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal}},
      {.name = "WindowOverflow",
       .behaviour = AnswerWith(
           [](uint32_t stream) { return WindowUpdate(0, 0x7fffffff) + WindowUpdate(0, 0x7fffffff) + WindowUpdate(stream, 0); }),
       .ends = {StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kUnknown, StatusCode::kDeadlineExceeded},
       .endless = true},
  };
}

std::vector<Malice> Storms() {
  return {
      {.name = "GoawayToEveryConnection",
       .behaviour =
           [](MaliciousConnection& client) {
             if (client.Send(Settings({}) + Goaway(0, 0, "go away"))) client.AwaitRequest();
           },
       .ends = {StatusCode::kUnavailable, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "GoawayStorm",
       .behaviour = FloodWith(Nothing, [](uint32_t) { return Goaway(0, 11, std::string(1000, '!')); }),
       .ends = {StatusCode::kUnavailable, StatusCode::kResourceExhausted, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "Refused",
       .behaviour = AnswerWith([](uint32_t stream) { return RstStream(stream, 7); }),
       .ends = {StatusCode::kUnavailable, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "ResetInternal",
       .behaviour = AnswerWith([](uint32_t stream) { return RstStream(stream, 2); }),
       .ends = {StatusCode::kInternal}},
      {.name = "ResetCancel",
       .behaviour = AnswerWith([](uint32_t stream) { return RstStream(stream, 8); }),
       .ends = {StatusCode::kCancelled}},
      {.name = "ResetEnhanceYourCalm",
       .behaviour = AnswerWith([](uint32_t stream) { return RstStream(stream, 11); }),
       .ends = {StatusCode::kResourceExhausted}},
      {.name = "ResetInadequateSecurity",
       .behaviour = AnswerWith([](uint32_t stream) { return RstStream(stream, 12); }),
       .ends = {StatusCode::kPermissionDenied}},
      {.name = "ResetUnknownCode",
       .behaviour = AnswerWith([](uint32_t stream) { return RstStream(stream, 0xdeadbeef); }),
       .ends = {StatusCode::kInternal, StatusCode::kUnknown}},
      {.name = "ResetStorm",
       .behaviour = FloodWith(Nothing, [](uint32_t stream) { return RstStream(stream, 2) + RstStream(stream + 2, 2); }),
       .ends = {StatusCode::kInternal, StatusCode::kUnavailable, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "PingFlood",
       .behaviour = FloodWith(Nothing, [](uint32_t) { return Ping(kNoFlags, "12345678"); }),
       .ends = {StatusCode::kDeadlineExceeded, StatusCode::kUnavailable},
       .endless = true},
      {.name = "PingAcksForNoPing",
       .behaviour = FloodWith(Nothing, [](uint32_t) { return Ping(kAck, "12345678"); }),
       .ends = {StatusCode::kDeadlineExceeded, StatusCode::kUnavailable},
       .endless = true},
      {.name = "SettingsFlood",
       .behaviour = FloodWith(Nothing,
                              [](uint32_t) {
                                return Settings({{kInitialWindowSize, 1}});
                              }),
       .ends = {StatusCode::kDeadlineExceeded, StatusCode::kUnavailable},
       .endless = true},
      {.name = "NoWindow", .behaviour = AnswerWith(Nothing, {{kInitialWindowSize, 0}}), .endless = true},
      {.name = "NoStreams", .behaviour = AnswerWith(Nothing, {{kMaxConcurrentStreams, 0}}), .endless = true},
  };
}

std::vector<Malice> HalfAnswers() {
  return {
      {.name = "NeverAnswers", .behaviour = AnswerWith(Nothing), .endless = true},
      {.name = "HeadersAndNoMore",
       .behaviour = AnswerWith([](uint32_t stream) { return ResponseHeaders(stream); }),
       .endless = true},
      {.name = "HalfAMessage",
       .behaviour = AnswerWith(
           [](uint32_t stream) { return ResponseHeaders(stream) + Data(stream, MessagePrefix(false, 1000) + "half"); }),
       .endless = true},
      {.name = "HalfAMessageAndClosed",
       .behaviour =
           [](MaliciousConnection& client) {
             const auto stream = client.AwaitRequest();
             if (stream) client.Send(ResponseHeaders(*stream) + Data(*stream, MessagePrefix(false, 1000) + "half"));
           },
       .ends = {StatusCode::kUnavailable}},
      {.name = "HalfAFrameAndClosed",
       .behaviour =
           [](MaliciousConnection& client) {
             const auto stream = client.AwaitRequest();
             if (stream) client.Send(ResponseHeaders(*stream) + FrameHeader(FrameType::kData, kNoFlags, *stream, 1000));
           },
       .ends = {StatusCode::kUnavailable}},
      {.name = "MessageAndNoEnd",
       .behaviour = AnswerWith([](uint32_t stream) { return ResponseHeaders(stream) + Data(stream, Message()); }),
       .endless = true},
      {.name = "EndWithoutTrailers",
       .behaviour = AnswerWith([](uint32_t stream) { return ResponseHeaders(stream) + Data(stream, Message(), kEndStream); }),
       .ends = {StatusCode::kUnknown, StatusCode::kInternal, StatusCode::kDeadlineExceeded},
       .endless = true},  // A stream that breaks after a message is resumed, as long as messages come.
      {.name = "HalfAMessageAndTrailers",
       .behaviour = EndWellWith(MessagePrefix(false, 1000) + "half"),
       .ends = {StatusCode::kInternal, StatusCode::kUnavailable, StatusCode::kDataLoss},
       .stream_ends = kRefusedOrDropped},
  };
}

std::vector<Malice> WrongMessages() {
  return {
      {.name = "NoSuchMessage", .behaviour = EndWellWith(LengthPrefixed("\xff\xff\xff\xff")), .ends = {StatusCode::kInternal}},
      {.name = "PrefixTooShort",
       .behaviour = EndWellWith(MessagePrefix(false, 1) + "\xff\xff\xff\xff\xff\xff\xff\xff"),
       .ends = {StatusCode::kInternal, StatusCode::kResourceExhausted, StatusCode::kDeadlineExceeded},
       .endless = true,
       .stream_ends = kRefusedOrDropped},
      {.name = "NoMessage",
       .behaviour = EndWith({{"grpc-status", "0"}}),
       .ends = {StatusCode::kInternal, StatusCode::kUnimplemented},
       .stream_ends = {StatusCode::kOk}},
      // gRPC (1.51) does not look behind the first of a unary call, and so does not see the end.
      {.name = "TwoMessages",
       .behaviour = EndWellWith(Message() + Message()),
       .ends = {StatusCode::kDeadlineExceeded, StatusCode::kInternal, StatusCode::kUnimplemented, StatusCode::kOk},
       .endless = true},
      {.name = "UnknownPrefixFlag",
       .behaviour = EndWellWith("\x07" + BigEndian(2, 4) + "ab"),
       .ends = {StatusCode::kInternal},
       .stream_ends = kRefusedOrDropped},
      {.name = "CompressedWithoutEncoding",
       .behaviour = EndWellWith(MessagePrefix(true, 4) + "abcd"),
       .ends = {StatusCode::kInternal, StatusCode::kUnimplemented}},
      {.name = "UnknownEncoding",
       .behaviour = EndWellWith(MessagePrefix(true, 4) + "abcd", {{"grpc-encoding", "rot13"}}),
       .ends = {StatusCode::kInternal, StatusCode::kUnimplemented}},
      {.name = "GzipThatIsNone",
       .behaviour = EndWellWith(MessagePrefix(true, 4) + "abcd", {{"grpc-encoding", "gzip"}}),
       .ends = {StatusCode::kInternal, StatusCode::kUnknown},
       .stream_ends = OrCancelled({StatusCode::kInternal, StatusCode::kUnknown})},
      {.name = "LengthOf4Gib",
       .behaviour = SendMuch(0xffffffff, 16),
       .ends = {StatusCode::kResourceExhausted, StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "HugeMessage",
       .behaviour = SendMuch(16 << 20, 16),
       .ends = {StatusCode::kResourceExhausted},
       .stream_ends = OrCancelled({StatusCode::kResourceExhausted})},
      {.name = "MoreThanTheWindow",
       .behaviour =
           FloodWith([](uint32_t stream) { return ResponseHeaders(stream) + Data(stream, MessagePrefix(false, 64 << 20)); },
                     [](uint32_t stream) { return Data(stream, std::string(16384, 'x')); }),
       .ends = {StatusCode::kInternal, StatusCode::kResourceExhausted, StatusCode::kUnavailable, StatusCode::kUnknown,
                StatusCode::kDeadlineExceeded},
       .endless = true},
      {.name = "EndlessMessages",
       .behaviour = FloodWith([](uint32_t stream) { return ResponseHeaders(stream); },
                              [](uint32_t stream) { return Data(stream, Message()); }),
       .ends = {StatusCode::kDeadlineExceeded, StatusCode::kInternal, StatusCode::kUnavailable, StatusCode::kUnimplemented,
                StatusCode::kResourceExhausted},
       .endless = true},
      {.name = "MessageAfterTheEnd",
       .behaviour = AnswerWith([](uint32_t stream) {
         return ResponseHeaders(stream) + Trailers(stream, {{"grpc-status", "5"}}) + Data(stream, Message()) +
                Trailers(stream, {{"grpc-status", "0"}});
       }),
       .ends = {StatusCode::kNotFound}},
  };
}

std::vector<Malice> EndlessMetadata() {
  const auto continuation = [fields = ManyFields()](uint32_t stream) {
    return Frame(FrameType::kContinuation, kNoFlags, stream, fields);
  };
  const std::vector<StatusCode> ends = {StatusCode::kResourceExhausted, StatusCode::kUnavailable, StatusCode::kInternal,
                                        StatusCode::kDeadlineExceeded};
  return {
      {.name = "EndlessHeaders",
       .behaviour = FloodWith([](uint32_t stream) { return BlockWithoutEnd(stream); }, continuation),
       .ends = ends,
       .endless = true},
      {.name = "EndlessTrailers",
       .behaviour = FloodWith(
           [](uint32_t stream) {
             return ResponseHeaders(stream) + Data(stream, Message()) + BlockWithoutEnd(stream, kEndStream);
           },
           continuation),
       .ends = ends,
       .endless = true},
      {.name = "EndlessHeaderValue",
       .behaviour =
           FloodWith(ValueWithoutEnd,
                     [](uint32_t stream) { return Frame(FrameType::kContinuation, kNoFlags, stream, std::string(16384, 'x')); }),
       .ends = ends,
       .endless = true},
      {.name = "HugeHeaders",
       .behaviour = AnswerWith([](uint32_t stream) {
         return ResponseHeaders(stream, {{"x-a", std::string(8000, 'a')}, {"x-b", std::string(8000, 'b')}}) +
                Data(stream, Message()) + Trailers(stream, {{"grpc-status", "0"}});
       }),
       .ends = {StatusCode::kResourceExhausted}},
      {.name = "HeadersOverAndOver",
       .behaviour = FloodWith(Nothing, [](uint32_t stream) { return ResponseHeaders(stream); }),
       .ends = {StatusCode::kInternal, StatusCode::kUnknown, StatusCode::kUnavailable, StatusCode::kDeadlineExceeded},
       .endless = true},
  };
}

std::vector<Malice> OddStatuses() {
  const auto status = [](std::string name, HeaderFields trailers, std::vector<StatusCode> ends) {
    return Malice{.name = std::move(name), .behaviour = EndWith(std::move(trailers)), .ends = std::move(ends)};
  };
  const auto http = [](std::string name, std::string code, std::vector<StatusCode> ends) {
    return Malice{.name = std::move(name),
                  .behaviour = AnswerWith([code = std::move(code)](uint32_t stream) {
                    return Headers(stream, {{":status", code}, {"content-type", "text/html"}}, kEndHeaders | kEndStream);
                  }),
                  .ends = std::move(ends)};
  };
  const auto html_headers = [](uint32_t stream) {
    return Headers(stream, {{":status", "200"}, {"content-type", "text/html; charset=utf-8"}});
  };
  return {
      status("NoStatus", {{"x-more", "a"}}, {StatusCode::kUnknown, StatusCode::kInternal}),
      status("Status99", {{"grpc-status", "99"}}, {StatusCode::kUnknown}),
      status("StatusNegative", {{"grpc-status", "-1"}}, kUnreadableStatus),
      status("StatusTooLarge", {{"grpc-status", "4294967296"}}, kUnreadableStatus),
      status("StatusEmpty", {{"grpc-status", ""}}, kUnreadableStatus),
      status("StatusInWords", {{"grpc-status", "NOT_FOUND"}}, kUnreadableStatus),
      status("StatusTwice", {{"grpc-status", "5"}, {"grpc-status", "7"}},
             {StatusCode::kNotFound, StatusCode::kPermissionDenied, StatusCode::kUnknown, StatusCode::kInternal}),
      status("OddText", {{"grpc-status", "5"}, {"grpc-message", "%zz%00%ff%"}}, {StatusCode::kNotFound}),
      status("GarbageDetails", {{"grpc-status", "5"}, {"grpc-status-details-bin", "////"}}, {StatusCode::kNotFound}),
      status("DetailsThatAreNotBase64", {{"grpc-status", "5"}, {"grpc-status-details-bin", "!!!"}},
             {StatusCode::kNotFound, StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kUnknown}),
      status("PushbackNegative", {{"grpc-status", "14"}, {"grpc-retry-pushback-ms", "-1"}}, {StatusCode::kUnavailable}),
      status("PushbackOf24Days", {{"grpc-status", "14"}, {"grpc-retry-pushback-ms", "2147483647"}}, {StatusCode::kUnavailable}),
      status("PushbackTooLarge", {{"grpc-status", "14"}, {"grpc-retry-pushback-ms", "99999999999999999999"}},
             kUnreadablePushback),
      status("PushbackInWords", {{"grpc-status", "14"}, {"grpc-retry-pushback-ms", "soon"}}, kUnreadablePushback),
      status("PushbackTwice", {{"grpc-status", "14"}, {"grpc-retry-pushback-ms", "1"}, {"grpc-retry-pushback-ms", "0"}},
             {StatusCode::kUnavailable}),
      http("Http400", "400", {StatusCode::kInternal}),
      http("Http401", "401", {StatusCode::kUnauthenticated}),
      http("Http403", "403", {StatusCode::kPermissionDenied}),
      http("Http404", "404", {StatusCode::kUnimplemented}),
      http("Http429", "429", {StatusCode::kUnavailable}),
      http("Http500", "500", {StatusCode::kUnknown}),
      http("Http502", "502", {StatusCode::kUnavailable}),
      http("Http503", "503", {StatusCode::kUnavailable}),
      http("Http504", "504", {StatusCode::kUnavailable}),
      http("HttpNoNumber", "ok", {StatusCode::kUnknown, StatusCode::kInternal, StatusCode::kUnavailable}),
      // gRPC (1.51) takes what only announces an answer for the answer.
      {.name = "Http103First",
       .behaviour = AnswerWith([](uint32_t stream) {
         return Headers(stream, {{":status", "103"}, {"link", "</a>"}}) + ResponseHeaders(stream) + Data(stream, Message()) +
                Trailers(stream, {{"grpc-status", "0"}});
       }),
       .ends = {StatusCode::kUnknown, StatusCode::kInternal, StatusCode::kOk}},
      // A status of gRPC counts, whatever HTTP's says.
      {.name = "Http502WithStatusOk",
       .behaviour = AnswerWith([](uint32_t stream) {
         return Headers(stream, {{":status", "502"}, {"content-type", "text/html"}, {"grpc-status", "0"}},
                        kEndHeaders | kEndStream);
       }),
       .ends = {StatusCode::kInternal, StatusCode::kUnimplemented},
       .stream_ends = {StatusCode::kOk}},
      {.name = "HtmlPage",
       .behaviour = AnswerWith([html_headers](uint32_t stream) {
         return html_headers(stream) + Data(stream, "<!DOCTYPE html><html><body>Welcome</body></html>", kEndStream);
       }),
       .ends = {StatusCode::kInternal, StatusCode::kUnknown}},
      {.name = "HtmlPageWithoutBody",
       .behaviour = AnswerWith([html_headers](uint32_t stream) { return html_headers(stream) + Data(stream, "", kEndStream); }),
       .ends = {StatusCode::kInternal, StatusCode::kUnknown}},
      {.name = "HtmlPageWithStatusOk",
       .behaviour = AnswerWith([html_headers](uint32_t stream) {
         return html_headers(stream) + Data(stream, "<!DOCTYPE html><html><body>Welcome</body></html>") +
                Trailers(stream, {{"grpc-status", "0"}});
       }),
       .ends = {StatusCode::kInternal},
       .stream_ends = kRefusedOrDropped},
  };
}

}  // namespace

std::vector<Malice> Malices() {
  std::vector<Malice> all;
  for (auto make : {NoHttp2, BadFrames, Storms, HalfAnswers, WrongMessages, EndlessMetadata, OddStatuses}) {
    for (Malice& malice : make()) {
      if (malice.endless && malice.ends.empty()) malice.ends = {StatusCode::kDeadlineExceeded};
      if (malice.stream_ends.empty()) malice.stream_ends = malice.ends;
      all.push_back(std::move(malice));
    }
  }
  return all;
}
// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

void PrintTo(const Malice& malice, std::ostream* out) { *out << malice.name; }

}  // namespace userclient::testing
