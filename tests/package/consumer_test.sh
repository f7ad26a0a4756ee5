#!/usr/bin/env bash
# One test of tests/package: consumer_test.sh WAY, one of those at the end. ctest gives the environment.
set -euo pipefail

: "${SOURCE_DIR:?}" "${BUILD_DIR:?}" "${WORK_DIR:?}" "${LIBDIR:?}" "${VERSION:?}" "${CXX:?}" "${CMAKE:?}"
USER_SERVER="${USER_SERVER:-}"
# Words.
OBSERVERS="${OBSERVERS:-}"
prefix="${WORK_DIR}/prefix"
way="${1:?which test?}"
here="${WORK_DIR}/${way}"
mkdir -p "${here}"

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# expect_output PATTERN STATUS COMMAND...: the command prints the pattern and ends with the status.
expect_output() {
  local pattern="$1" status="$2" output actual=0
  shift 2
  output="$("$@" 2>&1)" || actual=$?
  printf '%s\n' "${output}"
  [[ "${actual}" == "${status}" ]] || fail "$* ended with ${actual}, not ${status}"
  [[ "${output}" =~ ${pattern} ]] || fail "$* did not print ${pattern}"
}

# expect_line LINE FILE
expect_line() {
  grep -qxF -e "$1" "$2" || fail "$2 does not hold the line: $1"
}

server_pids=()
stop_servers() {
  local pid
  for pid in "${server_pids[@]}"; do
    kill "${pid}" 2>/dev/null || true
    wait "${pid}" 2>/dev/null || true
  done
}
trap stop_servers EXIT

# start_server PATTERN COMMAND...: starts it and waits for its line; the first group of the pattern, its port, is then in `port`.
start_server() {
  local pattern="$1" deadline=$((SECONDS + 60)) log="${here}/server_${#server_pids[@]}.log"
  shift
  # That of an earlier run names a port that nobody listens on any more.
  rm -f "${log}"
  touch "${log}"
  "$@" >"${log}" 2>&1 &
  server_pids+=("$!")
  port=""
  until [[ -n "${port}" ]]; do
    if ((SECONDS >= deadline)) || ! kill -0 "${server_pids[-1]}" 2>/dev/null; then
      fail "no server came up: $(cat "${log}")"
    fi
    port="$(sed -nE "s/^${pattern}\$/\1/p" "${log}" | head -n 1)"
    [[ -n "${port}" ]] || sleep 0.05
  done
}

# http_get PATH: what 127.0.0.1:${port} answers, head and body.
http_get() {
  exec 3<>"/dev/tcp/127.0.0.1/${port}"
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$1" >&3
  cat <&3
  exec 3>&-
}

# run_quickstart PROGRAM: it reaches no server, and then a real one.
run_quickstart() {
  local quickstart="$1"
  expect_output 'usage: quickstart' 2 "${quickstart}"
  # Port 1 is refused at once; a call that finds nobody is UNAVAILABLE, or out of time while it retries.
  expect_output '(UNAVAILABLE|DEADLINE_EXCEEDED)' 1 "${quickstart}" 127.0.0.1:1 u-1
  if [[ -z "${USER_SERVER}" ]]; then return; fi
  start_server 'listening on 127\.0\.0\.1:([0-9]+)' "${USER_SERVER}" --listen 127.0.0.1:0 --seed-users 1 --log none
  expect_output '^u-1 .+ <.+@.+>$' 0 "${quickstart}" "127.0.0.1:${port}" u-1
}

# run_observed OBSERVER PROGRAM: it tells of a call of a real server what it has seen.
run_observed() {
  local observer="$1" observed="$2"
  declare -A tells=(
    [prometheus]='grpc_client_call_duration_seconds_count\{[^}]*grpc_status="OK"[^}]*\} 1'
    [opentelemetry]='^observed OK$'
  )
  if [[ -z "${USER_SERVER}" ]]; then return; fi
  start_server 'listening on 127\.0\.0\.1:([0-9]+)' "${USER_SERVER}" --listen 127.0.0.1:0 --seed-users 1 --log none
  expect_output "${tells[${observer}]}" 0 "${observed}" "127.0.0.1:${port}" u-1
}

# with_observers PREFIX: each, found there by CMake and by pkg-config, is built into a program that runs.
with_observers() {
  local root="$1" observer flags
  for observer in ${OBSERVERS}; do
    build_dir="${here}/${observer}" configure_and_build -S "${SOURCE_DIR}/tests/package/observer" -B "${here}/${observer}" \
      -DCMAKE_PREFIX_PATH="${root}" -DOBSERVER="${observer}"
    run_observed "${observer}" "${here}/${observer}/observed"

    flags="$(PKG_CONFIG_PATH="${root}/${LIBDIR}/pkgconfig" pkg-config --cflags --libs "userclient-${observer}")"
    # shellcheck disable=SC2086  # the flags are words
    "${CXX}" -std=c++20 ${SANITIZER:+-fsanitize=${SANITIZER}} "${SOURCE_DIR}/tests/package/observer/${observer}.cc" \
      -o "${here}/${observer}/observed_pkg_config" ${flags} -Wl,-rpath,"${root}/${LIBDIR}"
    run_observed "${observer}" "${here}/${observer}/observed_pkg_config"
  done
}

# one_line COMMAND...: its output and errors, whose lines CMake breaks where it likes.
one_line() {
  local output status=0
  output="$("$@" 2>&1)" || status=$?
  tr -s '[:space:]' ' ' <<<"${output}"
  return "${status}"
}

# expect_absent PATTERN COMPONENT ARGUMENT...: a project that asks for it is told why it is not there.
expect_absent() {
  local pattern="$1" component="$2"
  shift 2
  rm -rf "${here}/asks"
  expect_output "Reason given by.*${pattern}" 1 one_line "${CMAKE}" -S "${SOURCE_DIR}/tests/package/absent_component" -B "${here}/asks" -G Ninja \
    -DCMAKE_CXX_COMPILER="${CXX}" -DCOMPONENT="${component}" "$@"
}

# configure_and_build ARGUMENT...: those of CMake, with -B "${build_dir}"; without that variable, -B "${here}/build".
# The ways that build userclient once more find it in a compiler cache, though each has a build tree of its own.
configure_and_build() {
  export CCACHE_BASEDIR="${here}" CCACHE_NOHASHDIR=1
  "${CMAKE}" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="${CXX}" -DCMAKE_CXX_FLAGS_DEBUG=-O0 "$@"
  "${CMAKE}" --build "${build_dir:-${here}/build}"
}

case "${way}" in
  install)
    rm -rf "${prefix}"
    "${CMAKE}" --install "${BUILD_DIR}" --prefix "${prefix}" >"${here}/install.log"
    for file in include/userclient/user_client.h include/user/v1/user_service.grpc.pb.h include/user/v1/user_service_mock.grpc.pb.h \
      "${LIBDIR}/cmake/userclient/userclientConfig.cmake" "${LIBDIR}/pkgconfig/userclient.pc" \
      share/userclient/proto/user/v1/user_service.proto share/userclient/service_config/default.json; do
      [[ -e "${prefix}/${file}" ]] || fail "${file} is not installed"
    done
    # What the library writes for itself is for nobody else.
    for file in call_report.pb.h error_details.pb.h health.pb.h fault_service_mock.grpc.pb.h; do
      [[ ! -e "${prefix}/include/userclient/v1/${file}" ]] || fail "${file} is installed"
    done
    # A package that names the machine it was built on works only there.
    if grep -rlF -e "${SOURCE_DIR}" -e "${BUILD_DIR}" "${prefix}/include" "${prefix}/share" "${prefix}/${LIBDIR}/cmake" "${prefix}/${LIBDIR}/pkgconfig"; then
      fail "the files above name the source or the build tree"
    fi
    # One version, wherever it shows.
    expect_line "#define USERCLIENT_VERSION_STRING \"${VERSION}\"" "${prefix}/include/userclient/version.h"
    expect_line "Version: ${VERSION}" "${prefix}/${LIBDIR}/pkgconfig/userclient.pc"
    grep -q "^set(PACKAGE_VERSION \"${VERSION}\")" "${prefix}/${LIBDIR}/cmake/userclient/userclientConfigVersion.cmake" ||
      fail "the CMake package has another version than ${VERSION}"
    for program in userctl user_server; do
      if [[ -e "${prefix}/bin/${program}" ]]; then
        expect_output "^${program} ${VERSION//./\\.}$" 0 "${prefix}/bin/${program}" --version
      fi
    done
    ;;

  find_package)
    configure_and_build -S "${SOURCE_DIR}/samples/quickstart" -B "${here}/build" -DCMAKE_PREFIX_PATH="${prefix}"
    run_quickstart "${here}/build/quickstart"
    # Another minor version is another interface.
    minor="${VERSION%.*}"
    expect_output 'compatible with( |\n)*requested version "0\.2".*userclientConfig\.cmake, version: '"${VERSION//./\\.}" 1 \
      "${CMAKE}" -S "${SOURCE_DIR}/tests/package/other_version" -B "${here}/other_version" -G Ninja \
      -DCMAKE_CXX_COMPILER="${CXX}" -DCMAKE_PREFIX_PATH="${prefix}" \
      -DWANTED="${minor};${VERSION};${VERSION} EXACT;${minor}...${minor}.9;${minor}...<0.2" -DUNWANTED="0.0;${minor}.99;1.0;${minor}.9 EXACT;0.0...<0.1"
    ;;

  components)
    configure_and_build -S "${SOURCE_DIR}/tests/package/components" -B "${here}/build" -DCMAKE_PREFIX_PATH="${prefix}"
    expect_output '^1 attempt, PERMISSION_DENIED$' 0 "${here}/build/caller_test"
    expect_output 'PASSED.*2 tests' 0 "${here}/build/mock_test"
    ;;

  absent_component)
    expect_absent 'userclient::promethues: there is no such component; there are server, testing, prometheus, opentelemetry' \
      promethues -DCMAKE_PREFIX_PATH="${prefix}"
    expect_absent 'userclient::testing: it needs SQLite3, which was not found.*libsqlite3-dev' \
      testing -DCMAKE_PREFIX_PATH="${prefix}" -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON
    for observer in ${OBSERVERS}; do
      expect_absent "userclient::${observer}: it needs ${observer}-cpp, which was not found.*${observer}-cpp-dev" \
        "${observer}" -DCMAKE_PREFIX_PATH="${prefix}" "-DCMAKE_DISABLE_FIND_PACKAGE_${observer}-cpp=ON"
    done
    # A package of a build that left them out.
    rm -rf "${here}/prefix"
    cp -r "${prefix}" "${here}/prefix"
    rm -f "${here}/prefix/${LIBDIR}"/cmake/userclient/userclient{Server,_prometheus,_opentelemetry}Targets*.cmake
    for component in server testing prometheus opentelemetry; do
      expect_absent "userclient::${component}: it was not built; install.*USERCLIENT_BUILD_${component^^}=ON" \
        "${component}" -DCMAKE_PREFIX_PATH="${here}/prefix"
    done
    rm -rf "${here}/prefix"
    ;;

  other_grpc)
    # A gRPC in a prefix of its own, of which this system's Protobuf and code generators are no part. Nothing is built.
    other="${SOURCE_DIR}/tests/package/other_grpc"
    configure=("${CMAKE}" -S "${SOURCE_DIR}" -G Ninja -DCMAKE_CXX_COMPILER="${CXX}" -DCMAKE_PREFIX_PATH="${other}"
      -DUSERCLIENT_BUILD_{SERVER,SAMPLES,TESTS,BENCHMARKS,TESTING}"=OFF")
    rm -rf "${here}"/{native,cross,needs,boringssl,consumer,with_opentelemetry,opentelemetry}
    # The system's opentelemetry-cpp goes with the system's gRPC alone.
    expect_output 'userclient::opentelemetry is left out' 0 one_line "${configure[@]}" -B "${here}/native"
    expect_output "${other}/lib/cmake/protobuf/protoc .*--plugin=protoc-gen-grpc=${other}/lib/cmake/grpc/grpc_cpp_plugin" 0 \
      ninja -C "${here}/native" -t commands userclient_generated
    # With another one goes what lies beside it, wherever that is.
    cp -r "${other}" "${here}/with_opentelemetry"
    packages="${here}/with_opentelemetry/lib/cmake"
    mkdir "${packages}/opentelemetry-cpp"
    echo 'add_library(opentelemetry-cpp::api INTERFACE IMPORTED)' >"${packages}/opentelemetry-cpp/opentelemetry-cpp-config.cmake"
    "${configure[@]}" -B "${here}/opentelemetry" -DCMAKE_PREFIX_PATH= -DProtobuf_DIR="${packages}/protobuf" -DgRPC_DIR="${packages}/grpc"
    expect_output 'call_spans\.cc' 0 ninja -C "${here}/opentelemetry" -t commands userclient_opentelemetry
    # A cross build runs what the build machine has.
    "${configure[@]}" -B "${here}/cross" -DCMAKE_SYSTEM_NAME=Linux -DUSERCLIENT_PROTOC=/build/protoc -DUSERCLIENT_GRPC_CPP_PLUGIN=/build/plugin
    expect_output '/build/protoc .*--plugin=protoc-gen-grpc=/build/plugin ' 0 ninja -C "${here}/cross" -t commands userclient_generated
    # What would come to light late, or never.
    expect_output 'needs absent::absent, which was not found' 1 one_line "${configure[@]}" -B "${here}/needs" -DOTHER_GRPC_NEEDS=absent::absent
    expect_output 'BoringSSL inside' 0 one_line "${configure[@]}" -B "${here}/boringssl" -DOTHER_GRPC_HAS_BORINGSSL=ON
    # The installed package finds them alike.
    "${CMAKE}" -S "${SOURCE_DIR}/samples/quickstart" -B "${here}/consumer" -G Ninja -DCMAKE_CXX_COMPILER="${CXX}" \
      -DCMAKE_PREFIX_PATH="${other};${prefix}"
    ;;

  observers) with_observers "${prefix}" ;;

  pkg_config)
    # The prefix is moved first: the file must not depend on where the package was installed.
    rm -rf "${here}/moved"
    cp -r "${prefix}" "${here}/moved"
    export PKG_CONFIG_PATH="${here}/moved/${LIBDIR}/pkgconfig"
    flags="$(pkg-config --cflags --libs userclient)"
    [[ "${flags}" == *"-luserclient "* ]] || fail "pkg-config says: ${flags}"
    # shellcheck disable=SC2086  # the flags are words
    "${CXX}" -std=c++20 ${SANITIZER:+-fsanitize=${SANITIZER}} "${SOURCE_DIR}/samples/quickstart/main.cc" -o "${here}/quickstart" ${flags}
    run_quickstart "${here}/quickstart"
    rm -rf "${here}/moved"
    ;;

  add_subdirectory)
    configure_and_build -S "${SOURCE_DIR}/tests/package/add_subdirectory" -B "${here}/build" -DUSERCLIENT_SOURCE_DIR="${SOURCE_DIR}" \
      -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)"
    run_quickstart "${here}/build/quickstart"
    "${here}/build/service"
    ;;

  own_service)
    configure_and_build -S "${SOURCE_DIR}/samples/own_service" -B "${here}/build" -DCMAKE_PREFIX_PATH="${prefix}"
    config="${SOURCE_DIR}/samples/own_service/service_config.json"
    start_server 'listening on port ([0-9]+)' "${here}/build/order_server" 127.0.0.1:0 --flaky
    expect_output $'^2 attempts\no-1 c-1 1 x lamp$' 0 "${here}/build/read_orders" "127.0.0.1:${port}" "${config}" get o-1
    expect_output 'o-1 .*o-2 .*o-3 .*o-4 .*o-5 ' 0 "${here}/build/read_orders" "127.0.0.1:${port}" "${config}" list c-1
    ;;

  profile_service)
    configure_and_build -S "${SOURCE_DIR}/samples/profile_service" -B "${here}/build" -DCMAKE_PREFIX_PATH="${prefix}"
    expect_output "^profile_service ${VERSION//./\\.}\$" 0 "${here}/build/profile_service" --version
    if [[ -n "${USER_SERVER}" ]]; then
      start_server 'listening on 127\.0\.0\.1:([0-9]+)' "${USER_SERVER}" --listen 127.0.0.1:0 --seed-users 1 --log none
      start_server 'listening on 127\.0\.0\.1:([0-9]+)' "${here}/build/profile_service" --listen 127.0.0.1:0 --target "127.0.0.1:${port}" --log none
      expect_output '200 .*"user_id":"u-1".*"source":"user service"' 0 http_get /profiles/u-1
      expect_output '200 .*<title>profile_service</title>' 0 http_get /
      # Asked for once more, because a call is counted when it has ended, a moment after its answer may be there.
      if [[ " ${OBSERVERS} " == *" prometheus "* ]]; then
        expect_output '200 .*grpc_client_call_duration_seconds_count\{[^}]*grpc_status="OK"[^}]*\} 1' 0 http_get /metrics
      else
        expect_output '501 .*prometheus-cpp-dev' 0 http_get /metrics
      fi
    fi
    ;;

  fetch_content)
    configure_and_build -S "${SOURCE_DIR}/tests/package/fetch_content" -B "${here}/build" -DUSERCLIENT_SOURCE_DIR="${SOURCE_DIR}" \
      -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)"
    run_quickstart "${here}/build/quickstart"
    ;;

  shared)
    rm -rf "${here}/prefix"
    "${CMAKE}" --install "${WORK_DIR}/fetch_content/build" --prefix "${here}/prefix" >"${here}/install.log"
    # They find each other there.
    expect_output "RUNPATH +[\$]ORIGIN" 0 objdump -p "${here}/prefix/${LIBDIR}/libuserclient.so"
    # Programs ask for the minor version: the next one may have another interface.
    soname="libuserclient.so.${VERSION%.*}"
    [[ -L "${here}/prefix/${LIBDIR}/${soname}" ]] || fail "${soname} is not installed"
    configure_and_build -S "${SOURCE_DIR}/samples/quickstart" -B "${here}/build" -DCMAKE_PREFIX_PATH="${here}/prefix"
    expect_output "NEEDED.*${soname//./\\.}" 0 objdump -p "${here}/build/quickstart"
    run_quickstart "${here}/build/quickstart"
    with_observers "${here}/prefix"
    for observer in ${OBSERVERS}; do
      soname="libuserclient_${observer}.so.${VERSION%.*}"
      [[ -L "${here}/prefix/${LIBDIR}/${soname}" ]] || fail "${soname} is not installed"
      for program in observed observed_pkg_config; do
        expect_output "NEEDED.*${soname//./\\.}" 0 objdump -p "${here}/${observer}/${program}"
      done
    done
    ;;

  deb)
    rm -rf "${here}/packages" "${here}/root" "${here}/bin_first" "${here}/build"
    # Where /bin comes before /usr/bin, as for cron, CMake finds the system's packages in /lib.
    PATH="/bin:${PATH}" "${CMAKE}" -S "${SOURCE_DIR}" -B "${here}/bin_first" -G Ninja -DCMAKE_CXX_COMPILER="${CXX}" \
      -DUSERCLIENT_BUILD_{SERVER,SAMPLES,TESTS,BENCHMARKS,TESTING}"=OFF" >"${here}/bin_first.log"
    expect_output '"TGZ;DEB"' 0 grep '(CPACK_GENERATOR ' "${here}/bin_first/CPackConfig.cmake"
    "${CMAKE%cmake}cpack" -G DEB --config "${BUILD_DIR}/CPackConfig.cmake" -B "${here}/packages" >"${here}/cpack.log"
    dev="$(echo "${here}"/packages/libuserclient-dev_"${VERSION}"-1_*.deb)"
    tools="$(echo "${here}"/packages/userclient-tools_"${VERSION}"-1_*.deb)"
    # What the libraries were compiled against, and nothing newer; what the programs link.
    expect_output 'Depends: .*libgrpc\+\+-dev \(>= [0-9.]+\), libgrpc\+\+-dev \(<< [0-9.]+~\)' 0 dpkg-deb --info "${dev}"
    expect_output 'Depends: .*libgrpc\+\+1' 0 dpkg-deb --info "${tools}"
    # Every package that it depends on is one that this system knows and has.
    while read -r package relation version; do
      [[ "$(dpkg-query --show --showformat='${db:Status-Status}\n' "${package}" | head -n 1)" == installed ]] ||
        fail "libuserclient-dev depends on ${package}, which is not what the build used"
      [[ -z "${relation}" ]] ||
        dpkg --compare-versions "$(dpkg-query --show --showformat='${Version}\n' "${package}" | head -n 1)" "${relation}" "${version}" ||
        fail "libuserclient-dev depends on ${package} (${relation} ${version}), which is not what is installed here"
    done < <(dpkg-deb --field "${dev}" Depends | tr ',' '\n' | tr --delete '()')
    for package in "${dev}" "${tools}"; do dpkg-deb --extract "${package}" "${here}/root"; done
    for file in bin/userctl bin/user_server include/userclient/version.h share/doc/userclient/{LICENSE,README.md,CHANGELOG.md} \
      share/doc/userclient/docs/{operations.md,performance.svg,grafana_dashboard.json,prometheus_alarms.yaml,adr/0001-initial-metadata-commits.md}; do
      [[ -e "${here}/root/usr/${file}" ]] || fail "no package holds usr/${file}"
    done
    # What Debian's policy wants of every package.
    for package in "${dev}" "${tools}"; do
      expect_output '^[A-Za-z ]+ <[^ @<>]+@[^ @<>]+>$' 0 dpkg-deb --field "${package}" Maintainer
    done
    [[ "$(dpkg-deb --field "${dev}" Description | head -n 1)" != "$(dpkg-deb --field "${tools}" Description | head -n 1)" ]] ||
      fail "both packages have one description"
    expect_output '^$' 0 awk 'length > 80' <(dpkg-deb --field "${dev}" Description && dpkg-deb --field "${tools}" Description)
    for name in libuserclient-dev userclient-tools; do
      expect_line 'License: Apache-2.0' "${here}/root/usr/share/doc/${name}/copyright"
      expect_line '# Changelog' <(gzip --decompress --stdout "${here}/root/usr/share/doc/${name}/changelog.gz")
      expect_output "^${VERSION}-1\$" 0 dpkg-parsechangelog --show-field Version \
        --file "${here}/root/usr/share/doc/${name}/changelog.Debian.gz"
    done
    for program in userctl user_server; do
      for file in "bash-completion/completions/${program}" "zsh/vendor-completions/_${program}" \
        "fish/vendor_completions.d/${program}.fish"; do
        [[ -s "${here}/root/usr/share/${file}" ]] || fail "no package holds usr/share/${file}"
      done
      [[ ! -e "${here}/root/usr/share/man/man1/${program}.1" ]] || fail "the manual page of ${program} is not compressed"
      expect_output "\.TH.*${program^^}" 0 gzip --decompress --stdout "${here}/root/usr/share/man/man1/${program}.1.gz"
    done
    # The libraries of the observers lie in the package, and what each needs is recommended.
    for observer in ${OBSERVERS}; do
      expect_output "${observer}-cpp-dev" 0 dpkg-deb --field "${dev}" Recommends
    done
    # The sample to copy is in it, and is all that one needs.
    configure_and_build -S "${here}/root/usr/share/doc/userclient/samples/quickstart" -B "${here}/build" -DCMAKE_PREFIX_PATH="${here}/root/usr"
    USER_SERVER="${here}/root/usr/bin/user_server"
    run_quickstart "${here}/build/quickstart"
    ;;

  *) fail "there is no test ${way}" ;;
esac
