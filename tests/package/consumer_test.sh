#!/usr/bin/env bash
# One test of tests/package: consumer_test.sh install|find_package|components|pkg_config|add_subdirectory. ctest gives the environment.
set -euo pipefail

: "${SOURCE_DIR:?}" "${BUILD_DIR:?}" "${WORK_DIR:?}" "${LIBDIR:?}" "${CXX:?}" "${CMAKE:?}"
USER_SERVER="${USER_SERVER:-}"
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

server_pid=""
stop_server() {
  if [[ -n "${server_pid}" ]]; then
    kill "${server_pid}" 2>/dev/null || true
    wait "${server_pid}" 2>/dev/null || true
  fi
}
trap stop_server EXIT

# run_quickstart PROGRAM: it reaches no server, and then a real one.
run_quickstart() {
  local quickstart="$1"
  expect_output 'usage: quickstart' 2 "${quickstart}"
  # Port 1 is refused at once; a call that finds nobody is UNAVAILABLE, or out of time while it retries.
  expect_output '(UNAVAILABLE|DEADLINE_EXCEEDED)' 1 "${quickstart}" 127.0.0.1:1 u-1
  if [[ -z "${USER_SERVER}" ]]; then return; fi

  # That of an earlier run names a port that nobody listens on any more.
  rm -f "${here}/server.log"
  touch "${here}/server.log"
  "${USER_SERVER}" --listen 127.0.0.1:0 --seed-users 1 --log none >"${here}/server.log" 2>&1 &
  server_pid=$!
  local port="" deadline=$((SECONDS + 60))
  until [[ -n "${port}" ]]; do
    if ((SECONDS >= deadline)) || ! kill -0 "${server_pid}" 2>/dev/null; then
      fail "no server came up: $(cat "${here}/server.log")"
    fi
    port="$(sed -nE 's/^listening on 127\.0\.0\.1:([0-9]+)$/\1/p' "${here}/server.log" | head -n 1)"
    [[ -n "${port}" ]] || sleep 0.05
  done
  expect_output '^u-1 .+ <.+@.+>$' 0 "${quickstart}" "127.0.0.1:${port}" u-1
}

configure_and_build() {
  "${CMAKE}" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="${CXX}" -DCMAKE_CXX_FLAGS_DEBUG=-O0 "$@"
  "${CMAKE}" --build "${here}/build"
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
    # A package that names the machine it was built on works only there.
    if grep -rlF -e "${SOURCE_DIR}" -e "${BUILD_DIR}" "${prefix}/include" "${prefix}/share" "${prefix}/${LIBDIR}/cmake" "${prefix}/${LIBDIR}/pkgconfig"; then
      fail "the files above name the source or the build tree"
    fi
    ;;

  find_package)
    configure_and_build -S "${SOURCE_DIR}/samples/quickstart" -B "${here}/build" -DCMAKE_PREFIX_PATH="${prefix}"
    run_quickstart "${here}/build/quickstart"
    # Another minor version is another interface.
    expect_output 'not compatible|version: 0\.2|requested version' 1 \
      "${CMAKE}" -S "${SOURCE_DIR}/tests/package/other_version" -B "${here}/other_version" -G Ninja \
      -DCMAKE_CXX_COMPILER="${CXX}" -DCMAKE_PREFIX_PATH="${prefix}"
    ;;

  components)
    configure_and_build -S "${SOURCE_DIR}/tests/package/components" -B "${here}/build" -DCMAKE_PREFIX_PATH="${prefix}"
    expect_output '^1 attempt, PERMISSION_DENIED$' 0 "${here}/build/caller_test"
    ;;

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
    ;;

  *) fail "there is no test ${way}" ;;
esac
