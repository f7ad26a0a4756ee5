// Short texts off the wire: pushback, page and resume tokens, ids of users and events; and metadata, over a bad piece of which
// gRPC ends the process.

#include <grpc/grpc.h>
#include <grpc/slice.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "call/request_metadata.h"
#include "policy/pushback.h"
#include "server/activity_log.h"
#include "server/page_token.h"
#include "server/resume_token.h"
#include "server/stored_user.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/text_promises.h"

namespace userclient::fuzz {
namespace {

void FeedPushback(std::string_view bytes) {
  const internal::Pushback pushback = internal::ParsePushback(bytes);
  Require(pushback.stop != pushback.delay.has_value(), "a pushback says either stop or when", bytes);
  if (!pushback.delay) return;
  Require(std::to_string(pushback.delay->count()) == bytes, "a delay is what the server wrote", bytes);
  Require(pushback.delay->count() <= std::numeric_limits<int32_t>::max(), "a delay has 32 bits", bytes);
}

void FeedTokens(std::string_view bytes) {
  if (const auto page = internal::DecodePageToken(bytes)) {
    Require(internal::EncodePageToken(*page) == bytes, "a page token is read letter by letter", bytes);
    Require(1 <= page->after && page->after < page->until, "a walk goes forward", bytes);
  }
  if (const auto resume = internal::DecodeResumeToken(bytes)) {
    Require(internal::EncodeResumeToken(*resume) == bytes, "a resume token is read letter by letter", bytes);
    Require(resume->after >= 0, "a position is not negative", bytes);
  }
}

/// The same bytes as the numbers of tokens: what was made is read.
void FeedNumbers(std::string_view bytes) {
  int64_t numbers[2] = {};
  if (bytes.size() != sizeof(numbers)) return;
  std::memcpy(numbers, bytes.data(), sizeof(numbers));
  const internal::PageToken page = {.after = numbers[0], .until = numbers[1]};
  const std::optional<internal::PageToken> page_again = internal::DecodePageToken(internal::EncodePageToken(page));
  Require(page_again == (1 <= page.after && page.after < page.until ? std::optional(page) : std::nullopt),
          "a page token comes back, if it leads anywhere");
  const internal::ResumeToken resume = {.feed_id = static_cast<uint64_t>(numbers[0]), .after = numbers[1]};
  const std::optional<internal::ResumeToken> resume_again = internal::DecodeResumeToken(internal::EncodeResumeToken(resume));
  Require(resume_again == (resume.after >= 0 ? std::optional(resume) : std::nullopt), "a resume token comes back");
}

void FeedIds(std::string_view bytes) {
  if (const auto user = internal::SequenceOf(bytes)) Require(internal::UserIdOf(*user) == bytes, "an id is of one user", bytes);
  if (const auto event = internal::EventNumberOf(bytes)) {
    Require(internal::EventIdOf(*event) == bytes, "an id is of one event", bytes);
  }
}

/// KEY=VALUE
void FeedMetadata(std::string_view bytes) {
  const size_t equals = bytes.find('=');
  if (equals == std::string_view::npos) return;
  const std::string key(bytes.substr(0, equals));
  const std::string value(bytes.substr(equals + 1));
  const absl::Status status = internal::CheckMetadata({{key, value}});
  if (!status.ok()) {
    Require(status.code() == absl::StatusCode::kInvalidArgument, "metadata is refused as INVALID_ARGUMENT", status.ToString());
    return RequireReadable(std::string(status.message()));
  }
  const grpc_slice key_slice = grpc_slice_from_copied_buffer(key.data(), key.size());
  const grpc_slice value_slice = grpc_slice_from_copied_buffer(value.data(), value.size());
  Require(grpc_header_key_is_legal(key_slice) != 0, "gRPC can send an accepted key", key);
  Require(key.ends_with("-bin") || grpc_header_nonbin_value_is_legal(value_slice) != 0, "gRPC can send an accepted value", value);
  grpc_slice_unref(key_slice);
  grpc_slice_unref(value_slice);
}

}  // namespace

void Feed(std::string_view bytes) {
  FeedPushback(bytes);
  FeedTokens(bytes);
  FeedNumbers(bytes);
  FeedIds(bytes);
  FeedMetadata(bytes);
}

}  // namespace userclient::fuzz
