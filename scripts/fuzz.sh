#!/usr/bin/env bash
# ./run fuzz: scripts/fuzz.sh BUILD SECONDS [TARGET...]. Lets libFuzzer loose on each target for so many seconds, as many at a time as
# there are processors. It begins with a copy of tests/fuzz/corpus/TARGET; what it learns stays in BUILD/fuzz, for the next time.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

build="$1"
seconds="$2"
shift 2
targets=("$@")
if ((${#targets[@]} == 0)); then
  for folder in tests/fuzz/corpus/*/; do targets+=("$(basename "${folder}")"); done
fi
for target in "${targets[@]}"; do
  if [[ ! -x "${build}/tests/fuzz/fuzz_${target}" ]]; then
    echo "there is no target '${target}'; there are: $(cd tests/fuzz/corpus && echo *)" >&2
    exit 2
  fi
done

# fuzz_one TARGET: one line about it, and more if it has found something.
fuzz_one() {
  local target="$1" place="${build}/fuzz/$1" found
  mkdir -p "${place}/learnt" "${place}/finds"
  if "${build}/tests/fuzz/fuzz_${target}" -max_total_time="${seconds}" -seed="${FUZZ_SEED:-0}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="${place}/finds/" "${place}/learnt" "tests/fuzz/corpus/${target}" >"${place}/log" 2>&1; then
    printf '%-16s %s inputs, nothing found\n' "${target}" "$(sed -n 's/^stat::number_of_executed_units: *//p' "${place}/log")"
    return
  fi
  found="$(sed -n 's/^.*Test unit written to //p' "${place}/log")"
  printf '%-16s FOUND SOMETHING; the end of %s:\n' "${target}" "${place}/log"
  tail -n 40 "${place}/log"
  printf 'again with: %s %s\nonce it is mended, keep the input: cp %s tests/fuzz/corpus/%s/WHAT_IT_IS\n' \
    "${build}/tests/fuzz/fuzz_${target}" "${found}" "${found}" "${target}"
  return 1
}
export -f fuzz_one
export build seconds
# shellcheck disable=SC2016  # The inner shell is to expand it.
printf '%s\0' "${targets[@]}" | xargs -0 --max-procs="$(nproc)" --max-args=1 bash -c 'fuzz_one "$1"' fuzz_one
