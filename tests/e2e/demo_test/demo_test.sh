#!/usr/bin/env bash
# demo_test.sh DEMO BUILD_DIR whole|INT|TERM|KILL: runs the demo in its short form, to its end or to a signal in the middle of the load.
set -euo pipefail

demo="$1" build="$2" way="$3"
work="$(mktemp -d)"
trap 'rm -rf -- "${work}"' EXIT
output="${work}/output"
mkdir "${work}/tmp"

fail() {
  printf 'FAILED: %s\n--- the demo said:\n' "$1" >&2
  cat -- "${output}" >&2
  exit 1
}

# within SECONDS COMMAND...
within() {
  local limit=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS > limit)); then return 1; fi
    sleep 0.05
  done
}

# Every process of the demo that lives on has the directory for its files on its command line.
nothing_runs() { ! pgrep -f -- "${work}/tmp/" >/dev/null; }
# Not the setpriv before it: killed between the two, the demo could not take it along.
under_load() { pgrep -f -- "^[^ ]*/demo_load .*${work}/tmp/" >/dev/null || ! kill -0 "${demo_pid}" 2>/dev/null; }

# A shell lets its background processes ignore SIGINT; a terminal does not.
TMPDIR="${work}/tmp" env --default-signal=INT "${demo}" "${build}" --short >"${output}" 2>&1 &
demo_pid=$!

expected=0
if [[ "${way}" != whole ]]; then
  within 240 under_load || fail "the load has not begun"
  kill -0 "${demo_pid}" 2>/dev/null || fail "the demo has ended before the load"
  expected=$((128 + $(kill -l "${way}")))
fi
status=0
{
  if [[ "${way}" != whole ]]; then kill -"${way}" "${demo_pid}" || true; fi
  wait "${demo_pid}" || status=$?
} 2>/dev/null

((status == expected)) || fail "exit status ${status}, not ${expected}"
within 30 nothing_runs || fail "it left processes behind: $(pgrep -af -- "${work}/tmp/")"
if [[ "${way}" != KILL && -n "$(ls -A "${work}/tmp")" ]]; then fail "it left files behind: $(ls -A "${work}/tmp")"; fi
if [[ "${way}" == whole ]]; then
  grep -q '^    of 800 calls, the plain stub failed [1-9][0-9]*, userclient failed [0-9]*\.$' "${output}" || fail "there is no summary"
fi
