// The code of docs/security.md, which shows the regions between "// [name]" and "// [end]"; and what comes of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "userclient/user_client.h"

namespace userclient {
namespace {

using ::testing::HasSubstr;

/// Asks an authority for a token; here it has none.
absl::StatusOr<BearerToken> FetchToken() { return absl::UnavailableError("the authority is down"); }

absl::StatusOr<UserClient> WithTls() {
  // [tls]
  absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create({
      .target = "dns:///users.prod.svc.cluster.local:50051",
      .credentials = userclient::Credentials::Tls({.root_certificates = "/etc/userclient/ca.pem"}),
  });
  // [end]
  return client;
}

absl::StatusOr<UserClient> WithMutualTls() {
  // [mutual tls]
  absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create({
      .target = "dns:///users.prod.svc.cluster.local:50051",
      .credentials = userclient::Credentials::MutualTls({
          .root_certificates = "/etc/userclient/ca.pem",
          .certificate_chain = "/etc/userclient/client.pem",
          .private_key = "/etc/userclient/client.key",
      }),
  });
  // [end]
  return client;
}

absl::StatusOr<UserClient> WithTokens() {
  // [tokens]
  absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create({
      .target = "dns:///users.prod.svc.cluster.local:50051",
      .credentials = userclient::Credentials::Tls({.token_source = [] { return FetchToken(); }}),
  });
  // [end]
  return client;
}

TEST(SecurityGuideTest, FilesThatAreNotThereAreNamedAtOnce) {
  const absl::StatusOr<UserClient> tls = WithTls();
  const absl::StatusOr<UserClient> mutual_tls = WithMutualTls();

  EXPECT_TRUE(absl::IsNotFound(tls.status()));
  EXPECT_THAT(std::string(tls.status().message()), HasSubstr("credentials.root_certificates: "));
  EXPECT_TRUE(absl::IsNotFound(mutual_tls.status()));
  EXPECT_THAT(std::string(mutual_tls.status().message()), HasSubstr("/etc/userclient/ca.pem"));
}

TEST(SecurityGuideTest, ASourceThatHasNoTokenYetKeepsNoClientFromStarting) { EXPECT_TRUE(WithTokens().ok()); }

TEST(SecurityGuideTest, ThereAreNoCredentialsByDefault) {
  const absl::StatusOr<UserClient> client = UserClient::Create({.target = "dns:///users.prod.svc.cluster.local:50051"});

  EXPECT_TRUE(absl::IsInvalidArgument(client.status()));
  EXPECT_THAT(std::string(client.status().message()), HasSubstr("credentials"));
}

}  // namespace
}  // namespace userclient
