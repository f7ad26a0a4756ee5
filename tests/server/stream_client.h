#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/plain_client.h"
#include "user/v1/user_service.grpc.pb.h"

namespace userclient::testing {

/// The context of a stream, with a deadline so that no test waits for ever.
class StreamContext {
 public:
  explicit StreamContext(std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
    context_.set_deadline(std::chrono::system_clock::now() + timeout);
  }

  grpc::ClientContext* get() { return &context_; }
  void Cancel() { context_.TryCancel(); }
  /// Empty if there is none; after the end of the stream.
  std::string trailer(const std::string& key) const {
    const auto found = context_.GetServerTrailingMetadata().find(key);
    if (found == context_.GetServerTrailingMetadata().end()) return "";
    return std::string(found->second.data(), found->second.size());
  }

 private:
  grpc::ClientContext context_;
};

/// StreamActivity as gRPC's own stub does it.
struct ActivityCall {
  struct Query {
    std::string user_id = "u-1";
    int limit = 0;
    std::string after_event_id{};
    std::chrono::milliseconds timeout = std::chrono::seconds(30);
  };

  ActivityCall(user::v1::UserService::Stub& stub, const Query& query) : context(query.timeout) {
    user::v1::StreamActivityRequest request;
    request.set_user_id(query.user_id);
    request.set_limit(query.limit);
    request.set_after_event_id(query.after_event_id);
    reader = stub.StreamActivity(context.get(), request);
  }
  ActivityCall(PlainClient& client, const Query& query) : ActivityCall(client.stub(), query) {}

  std::optional<user::v1::ActivityEvent> Next() {
    user::v1::ActivityEvent event;
    if (!reader->Read(&event)) return std::nullopt;
    return event;
  }
  /// At most so many.
  std::vector<std::string> ReadIds(size_t count = SIZE_MAX) {
    std::vector<std::string> ids;
    while (ids.size() < count) {
      const std::optional<user::v1::ActivityEvent> event = Next();
      if (!event) break;
      ids.push_back(event->event_id());
    }
    return ids;
  }
  grpc::Status Finish() { return reader->Finish(); }

  StreamContext context;
  std::unique_ptr<grpc::ClientReader<user::v1::ActivityEvent>> reader;
};

/// WatchUsers as gRPC's own stub does it.
struct WatchCall {
  explicit WatchCall(user::v1::UserService::Stub& stub, const std::string& resume_token = "",
                     std::chrono::milliseconds timeout = std::chrono::seconds(30))
      : context(timeout) {
    user::v1::WatchUsersRequest request;
    request.set_resume_token(resume_token);
    reader = stub.WatchUsers(context.get(), request);
  }
  explicit WatchCall(PlainClient& client, const std::string& resume_token = "",
                     std::chrono::milliseconds timeout = std::chrono::seconds(30))
      : WatchCall(client.stub(), resume_token, timeout) {}

  std::optional<user::v1::WatchUsersResponse> Next() {
    user::v1::WatchUsersResponse message;
    if (!reader->Read(&message)) return std::nullopt;
    token = message.resume_token();
    return message;
  }
  /// Reads what says only where the watch stands; false if something else came.
  bool ReadPosition() {
    const std::optional<user::v1::WatchUsersResponse> message = Next();
    return message && !message->has_user();
  }
  /// The ids of the next users, positions left out; fewer if the stream ends.
  std::vector<std::string> ReadIds(size_t count) {
    std::vector<std::string> ids;
    while (ids.size() < count) {
      const std::optional<user::v1::WatchUsersResponse> message = Next();
      if (!message) break;
      if (message->has_user()) ids.push_back(message->user().user_id());
    }
    return ids;
  }
  grpc::Status Finish() { return reader->Finish(); }

  StreamContext context;
  std::unique_ptr<grpc::ClientReader<user::v1::WatchUsersResponse>> reader;
  /// Of the last message.
  std::string token;
};

/// BatchCreateUsers as gRPC's own stub does it.
struct BatchCall {
  explicit BatchCall(PlainClient& client) : writer(client.stub().BatchCreateUsers(context.get(), &response)) {}

  bool Send(const std::string& email, const std::string& idempotency_key = "", const std::string& display_name = "") {
    user::v1::CreateUserRequest item;
    item.set_email(email);
    item.set_idempotency_key(idempotency_key);
    item.set_display_name(display_name);
    return writer->Write(item);
  }
  grpc::Status Finish() {
    writer->WritesDone();
    return writer->Finish();
  }

  StreamContext context;
  user::v1::BatchCreateUsersResponse response;
  std::unique_ptr<grpc::ClientWriter<user::v1::CreateUserRequest>> writer;
};

/// LookupUsers as gRPC's own stub does it.
struct LookupCall {
  explicit LookupCall(user::v1::UserService::Stub& stub, std::chrono::milliseconds timeout = std::chrono::seconds(30))
      : context(timeout), stream(stub.LookupUsers(context.get())) {}
  explicit LookupCall(PlainClient& client, std::chrono::milliseconds timeout = std::chrono::seconds(30))
      : LookupCall(client.stub(), timeout) {}

  bool Ask(const std::string& user_id) {
    user::v1::LookupUsersRequest request;
    request.set_user_id(user_id);
    return stream->Write(request);
  }
  std::optional<user::v1::LookupUsersResponse> Next() {
    user::v1::LookupUsersResponse answer;
    if (!stream->Read(&answer)) return std::nullopt;
    return answer;
  }
  grpc::Status Finish() {
    stream->WritesDone();
    while (Next()) {
    }
    return stream->Finish();
  }

  StreamContext context;
  std::unique_ptr<grpc::ClientReaderWriter<user::v1::LookupUsersRequest, user::v1::LookupUsersResponse>> stream;
};

/// A channel whose window does not grow with the speed of the connection, so that what fits into it is known.
inline std::shared_ptr<grpc::Channel> MakeChannelWithFixedWindow(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

/// False if the condition does not come true within a generous limit.
inline bool Await(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Whether every stream of the server is gone, or goes.
template <typename Server>
bool AwaitNoStreams(const Server& server) {
  return Await([&server] { return server.open_streams() == 0; });
}

/// The ids `u-<first>` to `u-<last>`.
inline std::vector<std::string> UserIds(int first, int last) {
  std::vector<std::string> ids;
  for (int i = first; i <= last; ++i) ids.push_back("u-" + std::to_string(i));
  return ids;
}

}  // namespace userclient::testing
