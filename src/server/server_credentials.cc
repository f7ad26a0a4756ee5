#include "server/server_credentials.h"

namespace userclient::internal {

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const ServerTlsMaterial& material) {
  grpc::SslServerCredentialsOptions options(material.client_ca ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                               : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({.private_key = material.key.text, .cert_chain = material.certificate.text});
  if (material.client_ca) options.pem_root_certs = material.client_ca->text;
  return grpc::SslServerCredentials(options);
}

}  // namespace userclient::internal
