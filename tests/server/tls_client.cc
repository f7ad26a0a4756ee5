#include "tests/server/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "tls/openssl_ptr.h"

namespace userclient::testing {

TlsMeeting MeetTls(int port, int newest) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);

  TlsMeeting meeting;
  const internal::OpensslPtr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(context.get(), newest);
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
  const internal::OpensslPtr<SSL> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), descriptor);
  meeting.connected = SSL_connect(ssl.get()) == 1;
  if (meeting.connected) {
    meeting.version = SSL_get_version(ssl.get());
    const internal::OpensslPtr<X509> certificate(SSL_get1_peer_certificate(ssl.get()));
    char name[128] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof(name));
    meeting.server = name;
  }
  close(descriptor);
  return meeting;
}

}  // namespace userclient::testing
