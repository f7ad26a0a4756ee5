#include "hint.h"

#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "userclient/rejection.h"

namespace userctl {
namespace {

/// Whether a message in lower case speaks of any of these things.
bool Speaks(const std::string& message, std::initializer_list<const char*> things) {
  for (const char* thing : things) {
    if (absl::StrContains(message, thing)) return true;
  }
  return false;
}

/// `message`: what gRPC says about connections that could not be had.
std::string HintForNoConnection(const std::string& message, const GlobalOptions& options) {
  const std::string& target = options.target;
  if (Speaks(message, {"dns resolution failed", "domain name not found"})) {
    return absl::StrCat("the host name in ", target, " could not be resolved; check its spelling and the name server");
  }
  if (Speaks(message, {"empty address list"}) && options.uses_tls()) {
    return "gRPC cannot use the credentials: are --ca and --cert whole certificates, and is --key the key of --cert?";
  }
  if (Speaks(message, {"certificate verify failed", "certificate_verify_failed", "hostname verification", "peer name"})) {
    return absl::StrCat("the certificate of ", target,
                        " is not trusted, or is for another name; --ca FILE names the authority to trust");
  }
  if (Speaks(message, {"wrong version number", "wrong_version_number"})) {
    return absl::StrCat(target, " does not speak TLS; is it the right port? For a server in plain text leave the TLS flags out");
  }
  if (Speaks(message, {"connection refused", "no such file or directory"})) {
    return absl::StrCat("is a server listening at ", target, "? Nothing accepts connections there");
  }
  if (Speaks(message, {"http1", "http/2", "http2", "socket closed", "connection reset", "handshake"})) {
    return options.uses_tls()
               ? absl::StrCat("something listens at ", target,
                              ", but does not speak gRPC with us; is it the right port, or does it want ",
                              options.cert ? "another --cert?" : "a certificate of ours (--cert and --key)?")
               : absl::StrCat("something listens at ", target,
                              ", but does not speak gRPC in plain text; is it the right port, or does it want --tls?");
  }
  return absl::StrCat("is a server listening at ", target, "?");
}

std::string HintForUnavailable(const std::string& message, const GlobalOptions& options) {
  if (Speaks(message, {"connections to all backends", "connect to all addresses", "dns resolution failed", "empty address list",
                       "last error"})) {
    return HintForNoConnection(message, options);
  }
  if (Speaks(message, {"socket closed", "connection reset", "goaway", "broken pipe"})) {
    return absl::StrCat("the connection broke during the call; is the server at ", options.target, " restarting?");
  }
  // The server's own words.
  return "";
}

}  // namespace

std::string HintFor(const absl::Status& status, const GlobalOptions& options) {
  if (userclient::RejectionOf(status)) return "";
  const std::string message = absl::AsciiStrToLower(status.message());
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
