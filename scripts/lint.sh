#!/usr/bin/env bash
# ./run lint: formatting, clang-tidy, buf, shellcheck. scripts/lint.sh [--only format|shell|proto|tidy] [FILE...]; FILEs limit the C++ checks.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

say() { printf '\n==> %s\n' "$*"; }

only=""
if [[ "${1:-}" == --only ]]; then
  only="${2:?--only needs format, shell, proto or tidy}"
  shift 2
fi
wanted=("$@")

# sources PATTERN...: the project's own files, those not yet added to git included.
sources() {
  git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
    if [[ -f "${file}" ]]; then printf '%s\n' "${file}"; fi
  done | sort -u
}

cpp_sources() {
  if ((${#wanted[@]} > 0)); then
    printf '%s\n' "${wanted[@]}"
  else
    sources '*.cc' '*.h'
  fi
}

check_format() {
  say "clang-format"
  cpp_sources | xargs --no-run-if-empty clang-format-14 --dry-run -Werror
}

check_shell() {
  say "shellcheck"
  {
    sources '*.sh'
    printf '%s\n' run .ci/run
  } | sort -u | xargs shellcheck --external-sources
}

# The version and its checksum are pinned in scripts/tools; it lands in build/tools, not in the tree.
check_proto() {
  say "buf lint"
  local buf
  buf="build/tools/node_modules/@bufbuild/buf-linux-$(uname -m | sed 's/x86_64/x64/')/bin/buf"
  mkdir -p build/tools
  if ! cmp --quiet scripts/tools/package-lock.json build/tools/package-lock.json || [[ ! -x "${buf}" ]]; then
    cp scripts/tools/package.json scripts/tools/package-lock.json build/tools/
    if ! (cd build/tools && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || [[ ! -x "${buf}" ]]; then
      rm -f build/tools/package-lock.json
      echo "buf could not be installed with npm; is the package registry reachable?" >&2
      return 1
    fi
  fi
  "${buf}" lint
}

check_tidy() {
  say "clang-tidy"
  mkdir -p build/tidy
  if ! cmake --preset tidy >build/tidy/configure.log 2>&1; then
    cat build/tidy/configure.log >&2
    return 1
  fi
  cmake --build --preset tidy
  # Every source that is compiled and that is ours; headers are read through the sources that include them.
  sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' build/tidy/compile_commands.json | sed "s|^${PWD}/||" |
    { grep -v -e '^/' -e '^build/' || true; } | sort -u >build/tidy/compiled.txt
  cpp_sources | sort -u | comm -12 - build/tidy/compiled.txt >build/tidy/files.txt
  xargs --no-run-if-empty --max-procs="$(nproc)" --max-args=1 clang-tidy-14 -p build/tidy --quiet <build/tidy/files.txt
}

failed=()
for check in format shell proto tidy; do
  if [[ -n "${only}" && "${check}" != "${only}" ]]; then continue; fi
  "check_${check}" || failed+=("${check}")
done
if ((${#failed[@]} > 0)); then
  say "lint: failed: ${failed[*]}"
  exit 1
fi
say "lint: clean"
