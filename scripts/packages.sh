# shellcheck shell=bash disable=SC2034
# Every Debian package this project uses, by purpose. The only list: ./run installs from it, and prints it where it cannot install.
#
# `package=command`: also satisfied by that command from elsewhere (a newer cmake, a node of your own).

# libgrpc-dev's CMake files need protobuf-compiler-grpc, c-ares, re2, OpenSSL and zlib, on most of which the package does not depend.
packages_build=(
  g++ cmake=cmake ninja-build=ninja ccache=ccache pkg-config=pkg-config
  libgrpc++-dev libgrpc-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev
  libabsl-dev libc-ares-dev libre2-dev libssl-dev zlib1g-dev
  nlohmann-json3-dev libcli11-dev libsqlite3-dev libgtest-dev libgmock-dev
)
# iproute2: a network of its own for the pod that is cut off.
packages_test=(dnsmasq-base openssl=openssl procps iproute2=ip)
packages_demo=(dnsmasq-base procps)
packages_bench=(valgrind=valgrind libbenchmark-dev)
packages_lint=(git=git clang-format-14=clang-format-14 clang-tidy-14=clang-tidy-14 npm=npm ca-certificates shellcheck=shellcheck)
packages_package=(libbenchmark-dev)
