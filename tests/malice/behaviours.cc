#include "tests/malice/behaviours.h"

#include "absl/strings/str_cat.h"
#include "user/v1/user_service.pb.h"

namespace userclient::testing {

MaliciousServer::Behaviour Say(std::string bytes) {
  return [bytes = std::move(bytes)](MaliciousConnection& client) {
    if (client.Send(bytes)) client.Linger();
  };
}

MaliciousServer::Behaviour EndWith(HeaderFields trailers) {
  return AnswerWith(
      [trailers = std::move(trailers)](uint32_t stream) { return ResponseHeaders(stream) + Trailers(stream, trailers); });
}

MaliciousServer::Behaviour EndWellWith(std::string data, HeaderFields headers) {
  return AnswerWith([data = std::move(data), headers = std::move(headers)](uint32_t stream) {
    return ResponseHeaders(stream, headers) + Data(stream, data) + Trailers(stream, {{"grpc-status", "0"}});
  });
}

MaliciousServer::Behaviour SendMuch(uint32_t length, int mebibytes) {
  return [length, mebibytes](MaliciousConnection& client) {
    const std::string mebibyte(1 << 20, 'x');
    while (const std::optional<uint32_t> stream = client.AwaitRequest()) {
      if (!client.Send(ResponseHeaders(*stream)) || !client.SendData(*stream, MessagePrefix(false, length))) return;
      for (int sent = 0; sent < mebibytes && client.SendData(*stream, mebibyte); ++sent) {
      }
    }
  };
}

std::string Message() {
  user::v1::GetUserResponse user;
  user.set_user_id("u-1");
  return LengthPrefixed(user.SerializeAsString());
}

std::string ManyFields() {
  HeaderFields fields;
  for (int i = 0; i < 100; ++i) fields.emplace_back(absl::StrCat("x-", i), std::string(100, 'x'));
  return HeaderBlock(fields);
}

std::string BlockWithoutEnd(uint32_t stream, uint8_t flags) {
  return Headers(stream, {{":status", "200"}, {"content-type", "application/grpc"}}, flags);
}

std::string ValueWithoutEnd(uint32_t stream) {
  return Frame(FrameType::kHeaders, kNoFlags, stream, std::string("\0\x01x\x7f\xff\xff\xff\xff\x07", 9));
}

std::string Nothing(uint32_t /*stream*/) { return {}; }

}  // namespace userclient::testing
