#include "tests/malice/faces.h"

#include <ostream>

#include "tests/support/test_client.h"

namespace userclient::testing {

std::string NameOf(Face face) {
  switch (face) {
    case Face::kBlocking:
      return "Blocking";
    case Face::kAsync:
      return "Async";
    case Face::kStream:
      return "Stream";
  }
  return "";
}

void PrintTo(Face face, std::ostream* out) { *out << NameOf(face); }

absl::Status CallOver(Face face, const UserClient& client, std::chrono::nanoseconds timeout) {
  switch (face) {
    case Face::kBlocking:
      return client.GetUser(AskFor("u-1"), {.timeout = timeout}).status();
    case Face::kAsync:
      return client.GetUserAsync(AskFor("u-1"), {.timeout = timeout}).Get().status();
    case Face::kStream: {
      user::v1::StreamActivityRequest request;
      request.set_user_id("u-1");
      MessageStream<user::v1::ActivityEvent> stream = client.StreamActivity(request, {.timeout = timeout});
      while (stream.Next()) {
      }
      return stream.status();
    }
  }
  return absl::InternalError("no such face");
}

}  // namespace userclient::testing
