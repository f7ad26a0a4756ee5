#!/usr/bin/env bash
# ./run bench: what a call through the SDK costs beside gRPC's own stub: calls, streams, observers, many endpoints, many calls in
# flight, and the policies alone.
#
#   scripts/bench.sh BUILD_DIR [--quick] [--write]    BUILD_DIR holds a built release preset
#
#   --quick    rougher, in under 4 minutes (else 12)
#   --write    also docs/performance.md with its plot and numbers
#
# Prints tables and leaves the numbers in build/bench/result.json. A missed bar is shown, not an error: the exit status is 0 unless
# something is broken, for example a call that fails.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

say() { printf '\n==> %4d s  %s\n' "${SECONDS}" "$*"; }
die() {
  printf '\nbench: %s\n' "$1" >&2
  exit 1
}
usage() {
  sed -n '/^#   [s-]/s/^#   //p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

build="${1:-}"
[[ -n "${build}" && "${build}" != -* ]] || usage
shift
quick=0 report_flags=()
for argument in "$@"; do
  case "${argument}" in
    --quick) quick=1 ;;
    --write) report_flags=(--write docs) ;;
    *) usage ;;
  esac
done

user_server="${build}/samples/user_server/user_server"
benchmarks="${build}/tests/benchmark"
call_benchmark="${benchmarks}/call_benchmark"
for program in "${user_server}" "${call_benchmark}" "${benchmarks}/benchmark_server" "${benchmarks}/resilience_benchmark" \
  "${benchmarks}/discovery_benchmark"; do
  [[ -x "${program}" ]] || die "${program} is missing; build the preset release first, or use ./run bench"
done
for tool in valgrind python3; do
  command -v "${tool}" >/dev/null || die "${tool} is missing (apt-get install ${tool}, or ./run bench)"
done

# What is compared with what stands in tests/benchmark/report/bars.py. Instructions and allocations hardly vary: few calls will do.
blocking=raw,sdk,raw-2-channels,sdk-2-channels,sdk-pool
callback=raw-callback,sdk-callback,raw-callback-2-channels,sdk-callback-2-channels,sdk-callback-pool
streams=raw-stream,sdk-stream streams_async=raw-stream-callback,sdk-stream-async
balanced=raw-callback-balanced,raw-callback-ejecting,sdk-callback
if ((quick)); then
  rounds=12 slice_ms=50 policy_seconds=0.02 policy_repetitions=5
  blocking=raw,sdk
  loads=1,8,32,128 stream_loads=1,32 stream_rounds=10 stream_slice_ms=150
  counted=(raw sdk raw-callback sdk-callback) counted_calls=1000
  endpoints=(1 100 1000) endpoint_rounds=5
  in_flight=(1 100 10000) in_flight_counted=(1 100) in_flight_rounds=3
  discovery_rounds=1 resilience=(--quick)
else
  rounds=36 slice_ms=100 policy_seconds=0.05 policy_repetitions=9
  loads=1,8,32,128 stream_loads=1,8,32 stream_rounds=24 stream_slice_ms=200
  counted=(raw raw-light sdk sdk-no-retries sdk-pool raw-callback raw-callback-light sdk-callback sdk-callback-pool) counted_calls=2000
  endpoints=(1 10 100 1000) endpoint_rounds=10
  in_flight=(1 10 100 1000 10000 100000) in_flight_counted=(1 10 100 1000 10000) in_flight_rounds=7
  discovery_rounds=3 resilience=()
fi
counted+=(raw-stream sdk-stream raw-stream-callback sdk-stream-async)
# Those that this build has.
mapfile -t observed < <("${call_benchmark}" subjects | sed -n '/^sdk-callback+/p')
observed=(sdk-callback "${observed[@]}")
for subject in "${observed[@]:1}"; do counted+=("${subject}"); done
joined() { (IFS=, && printf '%s' "$*"); }

out=build/bench
rm -rf "${out}"
mkdir -p "${out}/instructions" "${out}/profiles"

# The servers are processes of their own, so that the client's CPU time and instructions are the client's alone.
servers=() target=""
stop_servers() {
  local server
  for server in "${servers[@]}"; do
    kill -KILL "${server}" 2>/dev/null || true
    wait "${server}" 2>/dev/null || true
  done
  servers=()
}
trap stop_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# serve NAME COMMAND...: starts a server and sets target
serve() {
  local name="$1" tries
  shift
  : >"${out}/${name}.out"
  "$@" >"${out}/${name}.out" 2>"${out}/${name}.err" &
  local server=$!
  servers+=("${server}")
  target=""
  for ((tries = 0; tries < 600; ++tries)); do
    target="$(sed -n 's/^listening on //p' "${out}/${name}.out")"
    if [[ -n "${target}" ]]; then return; fi
    kill -0 "${server}" 2>/dev/null || die "$(basename "$1") ended at once: $(cat "${out}/${name}.err")"
    sleep 0.05
  done
  die "$(basename "$1") did not listen within 30 s"
}

# throughput FILE SUBJECTS LOADS ROUNDS SLICE_MS [ARGS...]
throughput() {
  local file="$1" subjects="$2" callers="$3" slices="$4" length="$5"
  shift 5
  "${call_benchmark}" --target "${target}" --subjects "${subjects}" --rounds "${slices}" "$@" throughput --callers "${callers}" \
    --slice-ms "${length}" >"${out}/${file}.json"
}

# count NAME SUBJECT CALLS [ARGS...]: instructions/NAME gets what a call takes, without start-up and warm-up (counted_region.h)
count() {
  local name="$1" subject="$2" calls="$3" log="${out}/profiles/$1.log" profile="${out}/profiles/$1.callgrind"
  shift 3
  valgrind --tool=callgrind --callgrind-out-file="${profile}" --zero-before=UserclientCountedRegionBegins \
    --dump-after=UserclientCountedRegionEnds "${call_benchmark}" --target "${target}" --subjects "${subject}" --calls "${calls}" \
    calls "$@" 2>"${log}" || die "a run under callgrind failed: $(grep -v '^==' "${log}" || tail -n 3 "${log}")"
  # The dump at the mark is the first; the last one is of the time after it.
  sed -n 's/^totals: //p' "${profile}.1" | awk -v calls="${calls}" '{ printf "%.1f\n", $1 / calls }' >"${out}/instructions/${name}"
  mv "${profile}.1" "${profile}"
}

# Two programs at a time: what else the machine does changes no count.
counting=()
count_beside() {
  count "$@" &
  counting+=($!)
  if ((${#counting[@]} >= $(nproc))); then await_count; fi
}
await_count() {
  wait "${counting[0]}" || exit 1
  counting=("${counting[@]:1}")
}
await_counts() { while ((${#counting[@]} > 0)); do await_count; done; }

load="$(cut -d ' ' -f 1 /proc/loadavg)"
serve user_server "${user_server}" --listen 127.0.0.1:0 --production --seed-users 1 --seed-activity 100000 --log none

say "blocking calls at ${loads} callers: ${rounds} rounds of ${slice_ms} ms each"
throughput blocking "${blocking}" "${loads}" "${rounds}" "${slice_ms}"

say "calls that call back, at ${loads} in flight"
throughput callback "${callback}" "${loads}" "${rounds}" "${slice_ms}"

say "streams, ${stream_loads} at a time"
throughput streams "${streams}" "${stream_loads}" "${stream_rounds}" "${stream_slice_ms}"
throughput streams_async "${streams_async}" "${stream_loads}" "${stream_rounds}" "${stream_slice_ms}"

if ((${#observed[@]} > 1)); then
  say "observers"
  throughput observers "$(joined "${observed[@]}")" 32 "${rounds}" "${slice_ms}"
else
  printf '\nObservers are left out: this build has none.\n'
fi

if [[ -x "${benchmarks}/policy_benchmark" ]]; then
  say "policies"
  "${benchmarks}/policy_benchmark" --benchmark_repetitions="${policy_repetitions}" --benchmark_min_time="${policy_seconds}" \
    --benchmark_enable_random_interleaving=true --benchmark_format=json >"${out}/policies.out" 2>"${out}/policies.err" ||
    die "the policy benchmark failed: $(cat "${out}/policies.err")"
  # The deviation of equal numbers it prints as NaN, which is no JSON.
  sed 's/: NaN\b/: null/' "${out}/policies.out" >"${out}/policies.json"
else
  printf '\nThe policies are left out: Google Benchmark was not found when %s was built (apt-get install libbenchmark-dev).\n' "${build}"
fi

say "allocations"
"${call_benchmark}" --target "${target}" --subjects "$(joined "${counted[@]}")" --calls 5000 allocations >"${out}/allocations.json"

say "instructions, under callgrind"
for subject in "${counted[@]}"; do count_beside "${subject}" "${subject}" "${counted_calls}"; done
await_counts
stop_servers

for endpoint_count in "${endpoints[@]}"; do
  say "${endpoint_count} endpoints"
  serve "endpoints.${endpoint_count}" "${benchmarks}/benchmark_server" "${endpoint_count}"
  throughput "endpoints.${endpoint_count}" "${balanced}" 32 "${endpoint_rounds}" "${slice_ms}" --connections "${endpoint_count}"
  # Under callgrind a thousand connections are not made in the time that each of them is given.
  for subject in ${balanced//,/ }; do
    if ((endpoint_count > 100)); then break; fi
    count_beside "endpoints.${endpoint_count}.${subject}" "${subject}" "${counted_calls}" --connections "${endpoint_count}"
  done
  await_counts
  stop_servers
done

for calls in "${in_flight[@]}"; do
  say "${calls} calls in flight"
  serve "waves.${calls}" "${benchmarks}/benchmark_server" 1
  wave_rounds=$((calls < 100000 ? in_flight_rounds : 1))
  "${call_benchmark}" --target "${target}" --subjects raw-callback,sdk-callback --in-flight "${calls}" --rounds "${wave_rounds}" \
    --calls 5000 waves >"${out}/waves.${calls}.json"
  stop_servers
done

say "instructions with many calls in flight"
for calls in "${in_flight_counted[@]}"; do
  for subject in raw-callback sdk-callback; do
    # Whole waves.
    waves_calls=$((calls < counted_calls ? counted_calls / calls * calls : calls))
    serve "counted.${calls}.${subject}" "${benchmarks}/benchmark_server" 1
    count_beside "waves.${calls}.${subject}" "${subject}" "${waves_calls}" --in-flight "${calls}" --waves
  done
done
await_counts
stop_servers

say "isolation, an open circuit, hedging"
"${benchmarks}/resilience_benchmark" --json "${out}/resilience.json" "${resilience[@]}" >"${out}/resilience.txt"

say "new servers behind a name"
"${benchmarks}/discovery_benchmark" --json "${out}/discovery.json" "${discovery_rounds}" >"${out}/discovery.txt"

say "done"
cpu="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
printf '{"date": "%s", "quick": %s, "cpus": %d, "cpu": "%s", "load_before": %s, "seconds": %d}\n' "$(date -u +%F)" \
  "$( ((quick)) && printf true || printf false)" "$(nproc)" "${cpu}" "${load}" "${SECONDS}" >"${out}/machine.json"
python3 -B tests/benchmark/report/report.py "${out}" "${report_flags[@]}"
printf '\nprofiles: callgrind_annotate --inclusive=yes %s/profiles/sdk-callback.callgrind\n' "${out}"
