#include "transport/bearer_token_credentials.h"

#include <atomic>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

// The cache's words, behind the name of the source; gRPC puts its own before them.
constexpr char kNoToken[] = ": no bearer token: ";
constexpr char kPluginFailed[] = "Getting metadata from plugin failed with error: ";

/// IsBlocking has just said no on this thread: then gRPC asks for the token in place, where it serves its connections, and that
/// there was one a moment ago is no promise that there is one now.
thread_local bool must_not_wait = false;

class BearerTokenPlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit BearerTokenPlugin(std::shared_ptr<TokenCache> tokens) : tokens_(std::move(tokens)) {}

  /// gRPC asks before every call, and once when it takes the plugin: only one that blocks then gets threads, and one that blocks
  /// later without having them crashes.
  bool IsBlocking() const override {
    const bool blocking = !installed_ || !tokens_->HasToken();
    must_not_wait = !blocking;
    return blocking;
  }
  void NoteInstalled() { installed_ = true; }

  const char* GetType() const override { return "BearerToken"; }
  std::string DebugString() override { return "BearerToken"; }

  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<std::string, std::string>* metadata) override {
    const bool in_place = std::exchange(must_not_wait, false);
    const absl::StatusOr<std::string> token = tokens_->Get(in_place ? TokenCache::Wait::kNever : TokenCache::Wait::kIfNeedBe);
    if (!token.ok()) {
      return {static_cast<grpc::StatusCode>(token.status().code()), std::string(token.status().message())};
    }
    metadata->emplace("authorization", absl::StrCat("Bearer ", *token));
    return grpc::Status::OK;
  }

 private:
  const std::shared_ptr<TokenCache> tokens_;
  std::atomic<bool> installed_{false};
};

}  // namespace

std::shared_ptr<grpc::CallCredentials> MakeBearerTokenCredentials(std::shared_ptr<TokenCache> tokens) {
  auto plugin = std::make_unique<BearerTokenPlugin>(std::move(tokens));
  BearerTokenPlugin* const installed = plugin.get();
  std::shared_ptr<grpc::CallCredentials> credentials = grpc::MetadataCredentialsFromPlugin(std::move(plugin));
  installed->NoteInstalled();
  return credentials;
}

bool EndedWithoutToken(const absl::Status& status) {
  return !status.ok() && absl::StartsWith(status.message(), kPluginFailed) && absl::StrContains(status.message(), kNoToken);
}

}  // namespace userclient::internal
