#include "hint.h"

#include <chrono>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "connect.h"
#include "userclient/diagnose.h"
#include "userclient/rejection.h"

namespace userctl {
namespace {

using userclient::ConnectTrouble;
using userclient::Diagnosis;

constexpr std::chrono::seconds kTimeForDiagnosis(5);

/// Whether a message in lower case speaks of any of these things.
bool Speaks(const std::string& message, std::initializer_list<const char*> things) {
  for (const char* thing : things) {
    if (absl::StrContains(message, thing)) return true;
  }
  return false;
}

/// What a second look at the connection has found, in terms of the flags.
std::string HintFrom(const Diagnosis& diagnosis, const GlobalOptions& options) {
  const std::string& target = options.target;
  switch (diagnosis.trouble) {
    case ConnectTrouble::kNone:
      return absl::StrCat(target, " can be reached now; try again");
    case ConnectTrouble::kRefused:
      return absl::StrCat("is a server listening at ", target, "? Nothing accepts connections there");
    case ConnectTrouble::kServerSpeaksNoTls:
      return absl::StrCat(target,
                          " does not speak TLS; is it the right port? For a server in plain text leave the TLS flags out");
    case ConnectTrouble::kServerSpeaksTls:
      return absl::StrCat(target, " speaks TLS, and we speak plain text: give --tls or --ca FILE");
    case ConnectTrouble::kNoGrpc:
      return absl::StrCat("something listens at ", target, ", and is no gRPC server: ", diagnosis.problem,
                          "; is it the right port?");
    case ConnectTrouble::kUntrustedCertificate:
      return absl::StrCat(diagnosis.problem, "; --ca FILE names the authority to trust");
    case ConnectTrouble::kWrongHostName:
      return absl::StrCat(diagnosis.problem, "; is it the right server? If so, --server-name NAME gives the name to ask for");
    case ConnectTrouble::kClientCertificateMissing:
      return absl::StrCat(diagnosis.problem, ": give --cert FILE and --key FILE");
    case ConnectTrouble::kOwnCredentials:
    case ConnectTrouble::kUnknownName:
    case ConnectTrouble::kNameServer:
    case ConnectTrouble::kUnreachable:
    case ConnectTrouble::kSilent:
    case ConnectTrouble::kExpiredCertificate:
    case ConnectTrouble::kClientCertificateRefused:
    case ConnectTrouble::kTlsVersion:
      break;
  }
  return absl::StrCat(diagnosis.problem, "; ", diagnosis.advice);
}

/// Looks again why there is no connection: gRPC keeps much of it to itself.
std::string HintForNoConnection(const GlobalOptions& options) {
  const absl::StatusOr<Diagnosis> diagnosis =
      userclient::DiagnoseConnection(options.target, CredentialsFor(options), kTimeForDiagnosis);
  return diagnosis.ok() ? HintFrom(*diagnosis, options) : absl::StrCat("is a server listening at ", options.target, "?");
}

std::string HintForUnavailable(const std::string& message, const GlobalOptions& options) {
  if (Speaks(message, {"connections to all backends", "connect to all addresses", "dns resolution failed", "errors resolving",
                       "empty address list", "last error"})) {
    return HintForNoConnection(options);
  }
  if (Speaks(message, {"socket closed", "connection reset", "goaway", "broken pipe"})) {
    // A server that does not take our certificate lets the handshake succeed first.
    const absl::StatusOr<Diagnosis> diagnosis =
        userclient::DiagnoseConnection(options.target, CredentialsFor(options), kTimeForDiagnosis);
    if (diagnosis.ok() && diagnosis->trouble != ConnectTrouble::kNone) return HintFrom(*diagnosis, options);
    return absl::StrCat("the connection broke during the call; is the server at ", options.target, " restarting?");
  }
  // The server's own words.
  return "";
}

}  // namespace

std::string HintFor(const absl::Status& status, const GlobalOptions& options) {
  if (userclient::RejectionOf(status)) return "";
  const std::string message = absl::AsciiStrToLower(status.message());
  // An answer of HTTP alone. Of the wanted credentials the hint below knows more.
  if (Speaks(message, {"http2 header with status"}) && !absl::IsUnauthenticated(status)) {
    return absl::StrCat("what answered at ", options.target,
                        " is no gRPC server: a proxy that has none to pass the call to, or that refuses it (its log tells), or "
                        "another port of the service");
  }
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return HintForUnavailable(message, options);
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrCat("no answer from ", options.target, " in time; a longer --timeout may help",
                          options.verbose ? "" : ", --verbose shows where the time went");
    case absl::StatusCode::kUnauthenticated:
      return options.token_file ? "the server refuses this token; is it the right one, and still valid?"
                                : "the server wants a token: give --token-file FILE, with --tls or --ca FILE";
    case absl::StatusCode::kUnimplemented:
      return absl::StrCat("the server at ", options.target, " does not offer this; is it the right port, and new enough?");
    default:
      return "";
  }
}

}  // namespace userctl
