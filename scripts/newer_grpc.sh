#!/usr/bin/env bash
# ./run newer [SUITE] [CTEST ARGS]: builds and tests this tree with the packages of another Debian suite, in a root of its own under
# build/newer. SUITE: trixie, sid, ...; experimental (the default) is sid with the gRPC and protobuf of experimental, the newest there are.
#
# Needs root (or sudo) for the root, and about 2 GB. The suite comes from where this system's own packages come from.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

say() { printf '\n==> %s\n' "$*"; }
die() {
  printf '\n./run newer: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '             %s\n' "$@" >&2; fi
  exit 1
}

# shellcheck source=scripts/packages.sh
source scripts/packages.sh
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

suite="experimental"
if [[ "${1:-}" =~ ^[a-z] ]]; then
  suite="$1"
  shift
fi
base="${suite}"
if [[ "${suite}" == experimental ]]; then base=sid; fi
home="${PWD}/build/newer/${suite}"
newer_root="${home}/root"

# The first of this system's own sources; a mirror or a cache of a company stays in use.
mirror_of_this_system() {
  # shellcheck disable=SC2016  # apt expands it
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $(. /etc/os-release && echo "${VERSION_CODENAME}")" |
    head -n 1
}
install_packages newer
mirror="$(mirror_of_this_system)"
if [[ -z "${mirror}" ]]; then
  # apt knows its sources by the lists that it has fetched, and an image of a container has none.
  apt_get update
  mirror="$(mirror_of_this_system)"
fi
[[ -n "${mirror}" ]] || die "this system's apt has no source of packages to take ${suite} from."

packages_in_root() { packages_for build test | sed 's/=.*//'; }

# in_root COMMAND: lines of shell in the root, in namespaces of its own: its mounts and processes are gone when it ends.
in_root() {
  # shellcheck disable=SC2016  # expanded in the namespace
  as_root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive \
    ROOT="${newer_root}" COMMAND="$1" unshare --mount --pid --fork --kill-child bash -c '
      mount --make-rprivate /
      mount -t proc proc "${ROOT}/proc"
      mount -t tmpfs tmpfs "${ROOT}/dev"
      for device in null zero full random urandom tty; do
        touch "${ROOT}/dev/${device}"
        mount --bind "/dev/${device}" "${ROOT}/dev/${device}"
      done
      ln -s /proc/self/fd "${ROOT}/dev/fd"
      mkdir "${ROOT}/dev/shm" "${ROOT}/dev/pts"
      mount -t tmpfs tmpfs "${ROOT}/dev/shm"
      mount -t devpts devpts "${ROOT}/dev/pts" -o newinstance,ptmxmode=0666
      ln -s pts/ptmx "${ROOT}/dev/ptmx"
      exec chroot "${ROOT}" bash -c "set -euo pipefail; cd /root; ${COMMAND}"
    ' </dev/null
}

make_root() {
  local proxies
  say "making a root of ${base} in ${home}"
  mkdir -p "${home}"
  as_root rm -rf --one-file-system "${newer_root}.part"
  as_root debootstrap --variant=minbase "${base}" "${newer_root}.part" "${mirror}" >"${home}/debootstrap.log" ||
    die "debootstrap could not make it; its log: ${home}/debootstrap.log"
  if [[ "${suite}" == experimental ]]; then
    echo "deb ${mirror} experimental main" | as_root tee -a "${newer_root}.part/etc/apt/sources.list" >/dev/null
    # What the sources of gRPC and protobuf build; everything else from sid, against which they were built.
    printf '%s\n' 'Package: src:grpc:any src:protobuf:any' 'Pin: release a=experimental' 'Pin-Priority: 600' |
      as_root tee "${newer_root}.part/etc/apt/preferences.d/experimental" >/dev/null
  fi
  proxies="$(apt-config dump Acquire | grep -i '::proxy' || true)"
  echo "${proxies}" | as_root tee "${newer_root}.part/etc/apt/apt.conf.d/80proxy" >/dev/null
  # A mirror that is a few days behind will do for a root in which nothing but a test runs. Signatures are checked all the same.
  echo 'Acquire::Check-Valid-Until "false";' | as_root tee "${newer_root}.part/etc/apt/apt.conf.d/80behind" >/dev/null
  as_root mv "${newer_root}.part" "${newer_root}"
}

copy_sources() {
  as_root mkdir -p "${newer_root}/root/userclient"
  git -c safe.directory='*' ls-files --cached --others --exclude-standard -z |
    while IFS= read -r -d '' file; do if [[ -e "${file}" ]]; then printf '%s\0' "${file}"; fi; done | sort -zu >"${home}/files"
  as_root find "${newer_root}/root/userclient" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf --one-file-system {} +
  tar --null --files-from="${home}/files" --create | as_root tar --extract --directory="${newer_root}/root/userclient" --no-same-owner
}

if [[ ! -d "${newer_root}" ]]; then make_root; fi
as_root cp /etc/resolv.conf /etc/hosts "${newer_root}/etc/"
copy_sources

say "packages of ${suite}"
in_root "apt-get -qq update
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends $(packages_in_root | tr '\n' ' ')" >"${home}/packages.log" 2>&1 ||
  die "the packages cannot be installed; the log: ${home}/packages.log"
in_root "g++ --version | head -n 1
  dpkg-query --show --showformat='\${Package} \${Version}\n' libgrpc++-dev libprotobuf-dev libabsl-dev libc-ares-dev libssl-dev"

# Newer compilers know more warnings, and newer libraries deprecate what the oldest still needs: neither is an error here.
say "building"
in_root "cd userclient
  cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DCMAKE_CXX_FLAGS=-Wno-deprecated-declarations \
    -DUSERCLIENT_BUILD_BENCHMARKS=OFF >build.log 2>&1 || { cat build.log; exit 1; }
  nice -n 15 ninja -C build -j ${USERCLIENT_JOBS:-$(nproc)} ${USERCLIENT_TARGETS:-}" || die "the build failed (its reason stands above)"

say "testing"
in_root "cd userclient && ctest --test-dir build --output-on-failure -j2 $(printf '%q ' "$@")"
