#include "userclient/diagnose.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "diagnosis/probe_address.h"
#include "diagnosis/probe_connection.h"
#include "diagnosis/tls_probe.h"
#include "transport/credential_files.h"

namespace userclient {
namespace internal {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

/// "What is the matter; what to do", as errors of this project are written.
Diagnosis FromStatus(ConnectTrouble trouble, const absl::Status& status) {
  const std::string message(status.message());
  const size_t semicolon = message.find("; ");
  return {.trouble = trouble,
          .problem = message.substr(0, semicolon),
          .advice = semicolon == std::string::npos ? "check it" : message.substr(semicolon + 2)};
}

Diagnosis FromLookup(const absl::Status& status) {
  return FromStatus(absl::IsNotFound(status) ? ConnectTrouble::kUnknownName : ConnectTrouble::kNameServer, status);
}

/// Whether the trouble lies with a server, and not with an address at which there may be none: a name often has one too many.
bool SomebodyIsThere(ConnectTrouble trouble) {
  return trouble != ConnectTrouble::kNone && trouble != ConnectTrouble::kRefused && trouble != ConnectTrouble::kUnreachable;
}

std::string NamesIn(const X509& certificate) {
  std::vector<std::string> shown;
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(const_cast<X509*>(&certificate), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names, i);
    const bool is_dns = name->type == GEN_DNS;
    if (!is_dns && name->type != GEN_IPADD) continue;
    const ASN1_STRING* const text = is_dns ? static_cast<const ASN1_STRING*>(name->d.dNSName) : name->d.iPAddress;
    const auto* const bytes = ASN1_STRING_get0_data(text);
    const auto size = static_cast<size_t>(ASN1_STRING_length(text));
    if (is_dns) {
      shown.emplace_back(reinterpret_cast<const char*>(bytes), size);
    } else if (size == 4) {
      shown.push_back(absl::StrCat(bytes[0], ".", bytes[1], ".", bytes[2], ".", bytes[3]));
    } else {
      shown.emplace_back("an IPv6 address");
    }
  }
  GENERAL_NAMES_free(names);
  return shown.empty() ? SubjectOf(certificate) : absl::StrJoin(shown, ", ");
}

/// The way through the steps for one target.
class Examination {
 public:
  /// For one address; the credentials and the files outlive it.
  Examination(const Credentials& credentials, const CredentialFiles& files, std::string host, TimePoint deadline,
              std::stop_token stop)
      : credentials_(credentials), files_(files), host_(std::move(host)), deadline_(deadline), stop_(std::move(stop)) {}

  absl::StatusOr<Diagnosis> Examine(const ProbeAddress& address) const {
    ProbeConnection connection(address, deadline_, stop_);
    if (connection.error() != 0) return NoConnection(address, connection.error());
    if (credentials_.kind() == Credentials::Kind::kInsecure) return ExaminePlain(connection, address);
    absl::StatusOr<TlsFindings> findings = ProbeTls(connection, files_, host_);
    if (!findings.ok()) return findings.status();
    return ExamineTls(*findings, address);
  }

 private:
  static Diagnosis Found(ConnectTrouble trouble, const ProbeAddress& address, std::string problem, std::string advice) {
    return {.trouble = trouble, .address = address.text, .problem = std::move(problem), .advice = std::move(advice)};
  }

  static Diagnosis Fine(const ProbeAddress& address) {
    return Found(ConnectTrouble::kNone, address, absl::StrCat(address.text, " can be reached, and speaks HTTP/2"), "");
  }

  static Diagnosis NoConnection(const ProbeAddress& address, int error) {
    // ENOENT: of a Unix socket.
    if (error == ECONNREFUSED || error == ENOENT) {
      return Found(ConnectTrouble::kRefused, address, absl::StrCat("nothing accepts connections at ", address.text),
                   "is a server listening there, and is the port right?");
    }
    const std::string how =
        error == ETIMEDOUT ? " does not answer at all" : absl::StrCat(" cannot be reached: ", strerror(error));
    return Found(ConnectTrouble::kUnreachable, address, absl::StrCat(address.text, how),
                 "is it running, and does a firewall or a network policy drop packets to it?");
  }

  static Diagnosis Silent(const ProbeAddress& address) {
    return Found(ConnectTrouble::kSilent, address, absl::StrCat(address.text, " takes connections, and then says nothing"),
                 "does the server hang, or wait behind a proxy that does not reach it?");
  }

  static Diagnosis NoGrpc(const ProbeAddress& address, std::string_view what) {
    return Found(ConnectTrouble::kNoGrpc, address, absl::StrCat(address.text, std::string(what)),
                 "is it the right port, and a gRPC server?");
  }

  absl::StatusOr<Diagnosis> ExaminePlain(ProbeConnection& connection, const ProbeAddress& address) const {
    switch (GreetPlain(connection)) {
      case Greeting::kHttp2:
        return Fine(address);
      case Greeting::kSilence:
        return Silent(address);
      case Greeting::kSomethingElse:
        return NoGrpc(address, " answers, but not with HTTP/2");
      case Greeting::kTls:
        return SpeaksTls(address);
      case Greeting::kNothing:
        break;
    }
    // A server that wants TLS may close the connection without a word.
    ProbeConnection another(address, deadline_, stop_);
    if (another.error() != 0) return NoConnection(address, another.error());
    const absl::StatusOr<TlsFindings> findings = ProbeTls(another, {}, host_);
    if (!findings.ok()) return findings.status();
    const bool tls = findings->server_certificate != nullptr || findings->handshake == TlsFindings::Handshake::kRefused;
    return tls ? SpeaksTls(address) : NoGrpc(address, " takes connections, and closes them");
  }

  static Greeting GreetPlain(ProbeConnection& connection) {
    if (!connection.Write(Http2Preface())) return Greeting::kNothing;
    const std::string answer = connection.Read(kGreetingSize);
    return GreetingOf(answer, connection.timed_out());
  }

  static Diagnosis SpeaksTls(const ProbeAddress& address) {
    return Found(ConnectTrouble::kServerSpeaksTls, address, absl::StrCat(address.text, " speaks TLS, and we speak plain text"),
                 "use Credentials::Tls or MutualTls");
  }

  Diagnosis ExamineTls(const TlsFindings& findings, const ProbeAddress& address) const {
    if (findings.server_certificate == nullptr) return NoHandshake(findings, address);
    if (findings.verification != X509_V_OK) return Distrusted(findings, address);
    if (!findings.right_name) {
      return Found(ConnectTrouble::kWrongHostName, address,
                   absl::StrCat("the certificate of ", address.text, " is for ", NamesIn(*findings.server_certificate),
                                ", and not for ", host_),
                   "is it the right server? If so, put the name in the certificate into the target or into server_name");
    }
    const bool ended = findings.handshake != TlsFindings::Handshake::kDone || findings.greeting == Greeting::kNothing;
    if (findings.asked_for_certificate && ended) return OwnCertificateRefused(findings, address);
    if (findings.handshake == TlsFindings::Handshake::kSilence || findings.greeting == Greeting::kSilence) return Silent(address);
    if (findings.handshake == TlsFindings::Handshake::kRefused) return NoCommonTls(findings, address);
    if (findings.protocol != "h2") return NoGrpc(address, " speaks TLS, but does not offer HTTP/2 (ALPN h2)");
    if (findings.greeting != Greeting::kHttp2) return NoGrpc(address, " speaks TLS, but not HTTP/2");
    return Fine(address);
  }

  Diagnosis NoHandshake(const TlsFindings& findings, const ProbeAddress& address) const {
    if (findings.handshake == TlsFindings::Handshake::kSilence) return Silent(address);
    if (findings.handshake == TlsFindings::Handshake::kRefused) return NoCommonTls(findings, address);
    ProbeConnection another(address, deadline_, stop_);
    if (another.error() != 0) return NoConnection(address, another.error());
    if (GreetPlain(another) == Greeting::kHttp2) {
      return Found(ConnectTrouble::kServerSpeaksNoTls, address,
                   absl::StrCat(address.text, " speaks plain text, and we speak TLS"),
                   "is it the right port? If it is meant to be plain text, use Credentials::Insecure");
    }
    return NoGrpc(address, " does not speak TLS");
  }

  static Diagnosis NoCommonTls(const TlsFindings& findings, const ProbeAddress& address) {
    return Found(ConnectTrouble::kTlsVersion, address, absl::StrCat(address.text, " ends the TLS handshake: ", findings.refusal),
                 "do both sides know a common version of TLS (1.2 or 1.3) and a common cipher?");
  }

  static Diagnosis Distrusted(const TlsFindings& findings, const ProbeAddress& address) {
    const X509& certificate = *findings.server_certificate;
    const std::string whose = absl::StrCat("the certificate of ", address.text, " (", SubjectOf(certificate), ")");
    if (findings.verification == X509_V_ERR_CERT_HAS_EXPIRED) {
      return Found(ConnectTrouble::kExpiredCertificate, address, absl::StrCat(whose, " expired on ", EndOf(certificate)),
                   "the server needs a new one; or is the clock of this machine wrong?");
    }
    if (findings.verification == X509_V_ERR_CERT_NOT_YET_VALID) {
      return Found(ConnectTrouble::kExpiredCertificate, address, absl::StrCat(whose, " is not valid yet"),
                   "is the clock of this machine right?");
    }
    return Found(ConnectTrouble::kUntrustedCertificate, address,
                 absl::StrCat(whose, " is signed by ", IssuerOf(certificate),
                              ", whom we do not trust: ", X509_verify_cert_error_string(findings.verification)),
                 "put the certificate of the authority that signed it into root_certificates");
  }

  Diagnosis OwnCertificateRefused(const TlsFindings& findings, const ProbeAddress& address) const {
    if (!files_.certificate_chain) {
      return Found(ConnectTrouble::kClientCertificateMissing, address,
                   absl::StrCat(address.text, " wants a certificate of ours, and gets none"),
                   "use Credentials::MutualTls with one that it trusts");
    }
    return Found(ConnectTrouble::kClientCertificateRefused, address,
                 absl::StrCat(address.text, " does not take our certificate ", files_.certificate_chain->path.string(),
                              findings.refusal.empty() ? "" : absl::StrCat(": ", findings.refusal)),
                 "is it signed by an authority that the server trusts, and still valid there?");
  }

  const Credentials& credentials_;
  const CredentialFiles& files_;
  const std::string host_;
  const TimePoint deadline_;
  const std::stop_token stop_;
};

}  // namespace
}  // namespace internal

std::string_view ConnectTroubleName(ConnectTrouble trouble) {
  switch (trouble) {
    case ConnectTrouble::kNone:
      return "none";
    case ConnectTrouble::kOwnCredentials:
      return "own credentials";
    case ConnectTrouble::kUnknownName:
      return "unknown name";
    case ConnectTrouble::kNameServer:
      return "name server";
    case ConnectTrouble::kRefused:
      return "refused";
    case ConnectTrouble::kUnreachable:
      return "unreachable";
    case ConnectTrouble::kSilent:
      return "silent";
    case ConnectTrouble::kServerSpeaksNoTls:
      return "server speaks no TLS";
    case ConnectTrouble::kServerSpeaksTls:
      return "server speaks TLS";
    case ConnectTrouble::kUntrustedCertificate:
      return "untrusted certificate";
    case ConnectTrouble::kExpiredCertificate:
      return "expired certificate";
    case ConnectTrouble::kWrongHostName:
      return "wrong host name";
    case ConnectTrouble::kClientCertificateMissing:
      return "client certificate missing";
    case ConnectTrouble::kClientCertificateRefused:
      return "client certificate refused";
    case ConnectTrouble::kTlsVersion:
      return "TLS version";
    case ConnectTrouble::kNoGrpc:
      return "no gRPC";
  }
  return "?";
}

absl::StatusOr<Diagnosis> DiagnoseConnection(std::string_view target, const Credentials& credentials,
                                             std::chrono::nanoseconds timeout, const std::stop_token& stop) {
  if (timeout <= std::chrono::nanoseconds::zero()) return absl::InvalidArgumentError("timeout: must be more than 0");
  const internal::TimePoint now = std::chrono::steady_clock::now();
  const internal::TimePoint deadline = now + std::min<std::chrono::nanoseconds>(timeout, internal::TimePoint::max() - now);

  const absl::StatusOr<internal::CredentialFiles> files = internal::ReadCredentialFiles(credentials);
  if (!files.ok()) return internal::FromStatus(ConnectTrouble::kOwnCredentials, files.status());
  const absl::Status sound = internal::CheckCredentialFiles(*files, std::chrono::system_clock::now());
  if (!sound.ok()) return internal::FromStatus(ConnectTrouble::kOwnCredentials, sound);
  absl::StatusOr<internal::ProbeTarget> found = internal::FindAddresses(target, deadline, stop);
  if (absl::IsInvalidArgument(found.status()) || absl::IsUnimplemented(found.status())) return found.status();
  if (stop.stop_requested()) return absl::CancelledError("the diagnosis was cancelled");
  if (!found.ok()) return internal::FromLookup(found.status());

  const std::string host = credentials.options().server_name.value_or(found->host);
  Diagnosis first;
  for (size_t i = 0; i < found->addresses.size(); ++i) {
    // One that swallows packets leaves the others their share.
    const internal::TimePoint start = std::chrono::steady_clock::now();
    const auto share = (deadline - start) / static_cast<int64_t>(found->addresses.size() - i);
    absl::StatusOr<Diagnosis> diagnosis =
        internal::Examination(credentials, *files, host, start + share, stop).Examine(found->addresses[i]);
    if (stop.stop_requested()) return absl::CancelledError("the diagnosis was cancelled");
    if (!diagnosis.ok() || internal::SomebodyIsThere(diagnosis->trouble)) return diagnosis;
    if (first.trouble == ConnectTrouble::kNone) first = *std::move(diagnosis);
  }
  return first;
}

}  // namespace userclient
