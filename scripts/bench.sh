#!/usr/bin/env bash
# ./run bench: what a call through the SDK costs, blocking and called back, against gRPC's own stub; and its policies alone.
#
#   scripts/bench.sh BUILD_DIR [--quick]    BUILD_DIR holds a built release preset; --quick: rougher, in under 90 s (else 8 min)
#
# Prints tables and leaves the numbers in build/bench/result.json. A missed bar is shown, not an error: the exit status is 0 unless
# something is broken, for example a call that fails.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

say() { printf '\n==> %s\n' "$*"; }
die() {
  printf '\nbench: %s\n' "$1" >&2
  exit 1
}
usage() {
  sed -n '/^#   /s/^#   /usage: /p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

build="${1:-}"
[[ -n "${build}" && "${build}" != -* ]] || usage
shift
quick=0
for argument in "$@"; do
  case "${argument}" in
    --quick) quick=1 ;;
    *) usage ;;
  esac
done

user_server="${build}/samples/user_server/user_server"
call_benchmark="${build}/tests/benchmark/call_benchmark"
policy_benchmark="${build}/tests/benchmark/policy_benchmark"
benchmark_report="${build}/tests/benchmark/benchmark_report"
for program in "${user_server}" "${call_benchmark}" "${benchmark_report}"; do
  [[ -x "${program}" ]] || die "${program} is missing; build the preset release first, or use ./run bench"
done
command -v valgrind >/dev/null || die "valgrind is missing (apt-get install valgrind, or ./run bench)"

# The first is what the others are compared with. Instructions are counted by running twice and taking the difference, so that
# start-up does not count.
blocking=raw,sdk callback=raw-callback,sdk-callback,sdk-callback-pool
if ((quick)); then
  rounds=10 slice_ms=150 policy_seconds=0.1
  counted=(raw sdk raw-callback sdk-callback) few=500 many=3000
else
  rounds=40 slice_ms=250 policy_seconds=0.5
  counted=(raw raw-light sdk sdk-no-retries sdk-2-channels sdk-pool
    raw-callback raw-callback-light sdk-callback sdk-callback-pool) few=1000 many=4000
fi
all_counted="$(IFS=, && printf '%s' "${counted[*]}")"

out=build/bench
rm -rf "${out}"
mkdir -p "${out}"

# The server is a process of its own, so that the client's CPU time and instructions are the client's alone.
server_pid=""
stop_server() {
  if [[ -n "${server_pid}" ]]; then
    kill -KILL "${server_pid}" 2>/dev/null || true
    wait "${server_pid}" 2>/dev/null || true
  fi
}
trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"${user_server}" --listen 127.0.0.1:0 --production --seed-users 1 --log none >"${out}/server.out" 2>"${out}/server.err" &
server_pid=$!
target=""
for ((tries = 0; tries < 200; ++tries)); do
  target="$(sed -n 's/^listening on //p' "${out}/server.out")"
  if [[ -n "${target}" ]]; then break; fi
  kill -0 "${server_pid}" 2>/dev/null || die "the server ended at once: $(cat "${out}/server.err")"
  sleep 0.05
done
[[ -n "${target}" ]] || die "the server did not listen within 10 s"

# instructions SUBJECT CALLS
instructions() {
  local log="${out}/callgrind.$1.$2.log"
  valgrind --tool=callgrind --callgrind-out-file="${out}/callgrind.$1.$2.out" \
    "${call_benchmark}" --target "${target}" calls --subject "$1" --calls "$2" 2>"${log}" || die "a run under callgrind failed: $(grep -v "^==" "${log}" || tail -n 3 "${log}")"
  sed -n 's/.*Collected *: *\([0-9]\{1,\}\).*/\1/p' "${log}"
}

say "allocations"
"${call_benchmark}" --target "${target}" allocations --subjects "${all_counted}" --calls 5000 >"${out}/allocations.json"

load="$(cut -d ' ' -f 1 /proc/loadavg)"
say "throughput, blocking: ${rounds} rounds at 1, 8 and 32 callers"
"${call_benchmark}" --target "${target}" throughput --subjects "${blocking}" --callers 1,8,32 --rounds "${rounds}" \
  --slice-ms "${slice_ms}" >"${out}/throughput_blocking.json"

say "throughput, called back: ${rounds} rounds at 8, 32 and 128 in flight"
"${call_benchmark}" --target "${target}" throughput --subjects "${callback}" --callers 8,32,128 --rounds "${rounds}" \
  --slice-ms "${slice_ms}" >"${out}/throughput_callback.json"

if [[ -x "${policy_benchmark}" ]]; then
  say "policies"
  "${policy_benchmark}" --benchmark_repetitions=5 --benchmark_min_time="${policy_seconds}" --benchmark_filter='^LimiterAndBreaker/' \
    --benchmark_format=json >"${out}/policies.out" 2>"${out}/policies.err" || die "the policy benchmark failed: $(cat "${out}/policies.err")"
  # The deviation of equal numbers it prints as NaN, which is no JSON.
  sed 's/: NaN\b/: null/' "${out}/policies.out" >"${out}/policies.json"
else
  printf '\nThe policies are left out: Google Benchmark was not found when %s was built (apt-get install libbenchmark-dev).\n' "${build}"
fi

say "instructions, under callgrind"
rows=()
for subject in "${counted[@]}"; do
  low="$(instructions "${subject}" "${few}")"
  high="$(instructions "${subject}" "${many}")"
  rows+=("$(printf '"%s": %d' "${subject}" "$(((high - low) / (many - few)))")")
done
printf '{%s}\n' "$(IFS=, && printf '%s' "${rows[*]}")" >"${out}/instructions.json"

"${benchmark_report}" "${out}"
if ((${load%.*} >= $(nproc))); then
  printf '\nThe machine was busy (load %s on %s cpus before the measurement): calls/s and CPU are rough.\n' "${load}" "$(nproc)"
fi
printf '\nnumbers: %s/result.json   profiles: callgrind_annotate --inclusive=yes %s/callgrind.sdk-callback.%s.out\n' \
  "${out}" "${out}" "${many}"
