# shellcheck shell=bash disable=SC2034
# Every Debian package this project uses, by purpose. The only list: ./run installs from it, and prints it where it cannot install.
#
# `package=command`: also satisfied by that command from elsewhere (a newer cmake, a node of your own).

# libgrpc-dev's CMake files need protobuf-compiler-grpc, c-ares, re2, OpenSSL and zlib, on most of which the package does not depend.
packages_build=(
  g++ cmake=cmake ninja-build=ninja ccache=ccache pkg-config=pkg-config
  libgrpc++-dev libgrpc-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev
  libabsl-dev libc-ares-dev libre2-dev libssl-dev zlib1g-dev
  nlohmann-json3-dev libcli11-dev libcpp-httplib-dev libsqlite3-dev libgtest-dev libgmock-dev prometheus-cpp-dev
)
# iproute2 and iptables: a network of its own for the pod that is cut off, and for packets that are lost.
# chromium: opens the status page of samples/profile_service. man-db, zsh and fish: read what the programs tell of themselves.
packages_test=(
  dnsmasq-base openssl=openssl procps iproute2=ip iptables=iptables dpkg-dev=dpkg-shlibdeps file=file python3-yaml chromium=chromium
  man-db=man zsh=zsh fish=fish
)
packages_demo=(dnsmasq-base procps)
packages_chaos=(dnsmasq-base util-linux=setpriv iproute2=ip iptables=iptables)
packages_bench=(valgrind=valgrind libbenchmark-dev python3=python3)
# libFuzzer and the sanitizers come with the compiler.
packages_fuzz=(clang-14=clang++-14 libclang-rt-14-dev)
packages_lint=(git=git clang-format-14=clang-format-14 clang-tidy-14=clang-tidy-14 npm=npm ca-certificates shellcheck=shellcheck)
# A root with another suite of Debian.
packages_newer=(debootstrap=debootstrap debian-archive-keyring git=git)
packages_package=(libbenchmark-dev dpkg-dev=dpkg-shlibdeps file=file)
# Debian 12 has it in its backports alone: ./run setup --otel.
package_otel=opentelemetry-cpp-dev
