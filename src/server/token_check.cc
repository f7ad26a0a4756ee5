#include "server/token_check.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tls/read_file.h"

namespace userclient::internal {
namespace {

constexpr std::string_view kScheme = "Bearer ";

/// Compares every byte, so that the time it takes says nothing about where the first difference is.
bool SameSecret(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

bool IsToken(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadTokens(const std::filesystem::path& file) {
  const absl::StatusOr<std::string> content = ReadFile(file);
  if (!content.ok()) {
    return absl::Status(content.status().code(), absl::StrCat("token_file: ", std::string(content.status().message())));
  }
  std::vector<std::string> tokens;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(*content, '\n'))) {
    std::string token(absl::StripAsciiWhitespace(line));
    if (token.empty()) continue;
    if (!IsToken(token)) {
      return absl::FailedPreconditionError(
          absl::StrCat("token_file: ", file.string(), ": must hold one token a line, printable ASCII without spaces"));
    }
    tokens.push_back(std::move(token));
  }
  if (tokens.empty()) return absl::FailedPreconditionError(absl::StrCat("token_file: ", file.string(), ": holds no token"));
  return tokens;
}

absl::Status TokenCheck::Check(std::optional<std::string_view> authorization) const {
  if (!authorization) return absl::UnauthenticatedError("a bearer token is required");
  if (authorization->substr(0, kScheme.size()) != kScheme) {
    return absl::UnauthenticatedError("the authorization header holds no bearer token");
  }
  const std::string_view given = authorization->substr(kScheme.size());
  absl::ReaderMutexLock lock(&mutex_);
  bool known = false;
  for (const std::string& token : tokens_) known |= SameSecret(given, token);
  return known ? absl::OkStatus() : absl::UnauthenticatedError("the bearer token is wrong");
}

bool TokenCheck::Exchange(std::vector<std::string> tokens) {
  absl::MutexLock lock(&mutex_);
  if (tokens == tokens_) return false;
  tokens_ = std::move(tokens);
  return true;
}

}  // namespace userclient::internal
