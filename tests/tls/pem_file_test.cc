#include "tls/pem_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/status_matchers.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"
#include "tls/fingerprint.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;
using ::testing::AllOf;
using testing::CertificateAuthority;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using testing::IssuedCertificate;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::TemporaryDirectory;

PemFile Holding(const std::string& text) { return {.option = "option", .path = "/the/file", .text = text}; }

std::chrono::system_clock::time_point Now() { return std::chrono::system_clock::now(); }

class PemFileTest : public ::testing::Test {
 protected:
  const CertificateAuthority authority_{"authority"};
  const IssuedCertificate issued_ = authority_.Issue({.common_name = "users"});
};

TEST_F(PemFileTest, ReadsAFileWithItsPlace) {
  TemporaryDirectory directory;
  const std::filesystem::path path = directory.Write("ca.pem", "text");

  const PemFile file = ReadPemFile("credentials.root_certificates", path).value();

  EXPECT_EQ(file.text, "text");
  EXPECT_EQ(file.place(), "credentials.root_certificates: " + path.string());
}

TEST_F(PemFileTest, SaysWhyAFileCannotBeRead) {
  EXPECT_THAT(ReadPemFile("option", ""), IsError(StatusCode::kInvalidArgument, "option: no file is named"));
  EXPECT_THAT(ReadPemFile("option", "/no/such"),
              IsError(StatusCode::kNotFound, "option: cannot read /no/such: No such file or directory"));
  EXPECT_THAT(ReadPemFile("option", "/"), IsError(StatusCode::kFailedPrecondition, "option: cannot read /: Is a directory"));
}

TEST_F(PemFileTest, RefusesAFileWithoutAnEnd) {
  EXPECT_THAT(ReadPemFile("option", "/dev/zero"),
              IsError(StatusCode::kOutOfRange, "option: cannot read /dev/zero: File too large"));
}

TEST_F(PemFileTest, DoesNotWaitForSomebodyToWriteIntoAPipe) {
  const TemporaryDirectory directory;
  const std::filesystem::path pipe = directory / "ca.pem";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);

  std::future<absl::StatusOr<PemFile>> file = std::async(std::launch::async, [&] { return ReadPemFile("option", pipe); });
  const std::future_status ended = file.wait_for(20s);
  // Who waits is let go, so that the test ends.
  close(open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));

  EXPECT_EQ(ended, std::future_status::ready);
  EXPECT_EQ(file.get()->text, "");
}

TEST_F(PemFileTest, FindsEveryCertificateBetweenOtherText) {
  const std::string text = "users:\n" + issued_.certificate + "its authority:\n" + authority_.certificate() + "the end\n";

  EXPECT_THAT(ParseCertificates(Holding(text)).value(), SizeIs(2));
}

TEST_F(PemFileTest, RefusesWhatIsNoCertificate) {
  EXPECT_THAT(ParseCertificates(Holding("")),
              IsError(StatusCode::kInvalidArgument, "option: /the/file: holds no CERTIFICATE in PEM form"));
  EXPECT_THAT(ParseCertificates(Holding(issued_.private_key)),
              IsError(StatusCode::kInvalidArgument, EndsWith("holds no CERTIFICATE in PEM form")));
  EXPECT_THAT(
      ParseCertificates(Holding("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n")),
      IsError(StatusCode::kInvalidArgument, StartsWith("option: /the/file: certificate number 1 in it cannot be read (")));
}

TEST_F(PemFileTest, RefusesAFileThatEndsInTheMiddle) {
  const std::string half = authority_.certificate().substr(0, authority_.certificate().size() / 2);

  EXPECT_THAT(ParseCertificates(Holding(issued_.certificate + half)),
              IsError(StatusCode::kInvalidArgument, HasSubstr("certificate number 2 in it cannot be read")));
}

TEST_F(PemFileTest, RefusesWhatIsNoKey) {
  EXPECT_THAT(ParsePrivateKey(Holding(issued_.certificate)),
              IsError(StatusCode::kInvalidArgument, "option: /the/file: holds no PRIVATE KEY in PEM form"));
  EXPECT_THAT(ParsePrivateKey(Holding(issued_.private_key.substr(0, issued_.private_key.size() / 2))),
              IsError(StatusCode::kInvalidArgument, StartsWith("option: /the/file: the private key cannot be read")));
}

TEST_F(PemFileTest, RefusesAKeyThatNeedsAPassPhrase) {
  EXPECT_THAT(ParsePrivateKey(Holding(testing::Encrypted(issued_.private_key, "secret"))),
              IsError(StatusCode::kInvalidArgument, AllOf(HasSubstr("needs a pass phrase"), HasSubstr("openssl pkey"))));
}

TEST_F(PemFileTest, AnIdentityIsACertificateAndItsKey) {
  const IssuedCertificate other = authority_.Issue({});

  EXPECT_THAT(CheckIdentity(Holding(issued_.certificate), Holding(issued_.private_key), Now()), IsOk());
  EXPECT_THAT(CheckIdentity(Holding(issued_.certificate + authority_.certificate()), Holding(issued_.private_key), Now()),
              IsOk());
  EXPECT_THAT(
      CheckIdentity(Holding(issued_.certificate), Holding(other.private_key), Now()),
      IsError(StatusCode::kInvalidArgument,
              HasSubstr("is not the key of the first certificate in /the/file (users); give the key that it was made with")));
  EXPECT_THAT(CheckIdentity(Holding(authority_.certificate() + issued_.certificate), Holding(issued_.private_key), Now()),
              IsError(StatusCode::kInvalidArgument, HasSubstr("first certificate in /the/file (authority)")));
}

TEST_F(PemFileTest, AnIdentityHasItsTime) {
  const auto check = [this](std::chrono::seconds from_now) {
    return CheckIdentity(Holding(issued_.certificate), Holding(issued_.private_key), Now() + from_now);
  };

  EXPECT_THAT(check(23h), IsOk());
  EXPECT_THAT(check(25h),
              IsError(StatusCode::kFailedPrecondition, MatchesRegex("option: /the/file: the certificate .users. expired on "
                                                                    "2[0-9]+-[0-9]+-[0-9]+ [0-9:]+ UTC; have a new one issued")));
  EXPECT_THAT(check(-2h), IsError(StatusCode::kFailedPrecondition, HasSubstr("(users) is not valid before 2")));
}

TEST_F(PemFileTest, OneAuthorityInItsTimeIsEnough) {
  const CertificateAuthority old("old", -1h);
  const PemFile both = Holding(old.certificate() + authority_.certificate());

  EXPECT_THAT(CheckAuthorities(both, Now()), IsOk());
  EXPECT_THAT(CheckAuthorities(Holding(old.certificate()), Now()),
              IsError(StatusCode::kFailedPrecondition, HasSubstr("option: /the/file: the authority expired on 2")));
  EXPECT_THAT(CheckAuthorities(both, Now() + 48h),
              IsError(StatusCode::kFailedPrecondition, HasSubstr("the last of its authorities expired on 2")));
}

TEST(FingerprintTest, TellsContentsAndTheirPlacesApart) {
  EXPECT_EQ(Fingerprint({"a", "b"}), Fingerprint({"a", "b"}));
  EXPECT_NE(Fingerprint({"a", "b"}), Fingerprint({"a", "c"}));
  EXPECT_NE(Fingerprint({"a", "b"}), Fingerprint({"ab", ""}));
  EXPECT_NE(Fingerprint({"", "a"}), Fingerprint({"a", ""}));
}

}  // namespace
}  // namespace userclient::internal
