#pragma once

/// What malicious servers do, put together of a few habits.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "tests/malice/http2_frames.h"
#include "tests/malice/malicious_server.h"

namespace userclient::testing {

/// Something to every connection, whatever it wants.
MaliciousServer::Behaviour Say(std::string bytes);

/// To every request: what `answer` makes of its stream.
template <class Answer>
MaliciousServer::Behaviour AnswerWith(Answer answer, SettingsList settings = {}) {
  return [answer, settings = std::move(settings)](MaliciousConnection& client) {
    while (const std::optional<uint32_t> stream = client.AwaitRequest(settings)) {
      if (!client.Send(answer(*stream))) return;
    }
  };
}

/// Once there is a request: the first, and then the second over and over.
template <class First, class Again>
MaliciousServer::Behaviour FloodWith(First first, Again again, Pace pace = Pace::kMeasured) {
  return [first, again, pace](MaliciousConnection& client) {
    const std::optional<uint32_t> stream = client.AwaitRequest();
    if (stream && client.Send(first(*stream))) client.Flood(again(*stream), pace);
  };
}

/// An answer of these trailers and nothing else.
MaliciousServer::Behaviour EndWith(HeaderFields trailers);

/// An answer of these bytes, as if all were well.
MaliciousServer::Behaviour EndWellWith(std::string data, HeaderFields headers = {});

/// Of a message said to be so long: so many mebibytes, as far as the client takes them.
MaliciousServer::Behaviour SendMuch(uint32_t length, int mebibytes);

/// A user, as gRPC sends him.
std::string Message();

/// Fields that no header list has room for, in one piece of a block.
std::string ManyFields();

/// The headers of an answer, or its trailers (kEndStream), in a block that does not end.
std::string BlockWithoutEnd(uint32_t stream, uint8_t flags = kNoFlags);
/// A field whose value has no end either.
std::string ValueWithoutEnd(uint32_t stream);

std::string Nothing(uint32_t stream);

}  // namespace userclient::testing
