# shellcheck shell=bash
# Installs what a purpose needs and only what is missing. Sourced by ./run; needs say, die and the lists of packages.sh.

installed() {
  [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# packages_for PURPOSE...: the entries of these lists, each once.
packages_for() {
  local purpose
  for purpose in "$@"; do
    local -n list="packages_${purpose}"
    printf '%s\n' "${list[@]}"
  done | awk 'NF && !seen[$0]++'
}

# Runs a command as root. apt's own questions are answered before they are asked.
as_root() {
  local -a words=(env DEBIAN_FRONTEND=noninteractive "$@")
  if [[ "$(id -u)" == 0 ]]; then
    "${words[@]}"
  else
    sudo "${words[@]}"
  fi
}

# apt-get with a wait for another apt that holds the lock.
apt_get() {
  as_root apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -qq "$@" </dev/null
}

# install_packages PURPOSE...
install_packages() {
  local entry package command
  local -a missing=() wanted=()
  while read -r entry; do
    package="${entry%%=*}"
    command="${entry#"${package}"}"
    command="${command#=}"
    wanted+=("${package}")
    if [[ -n "${command}" ]] && command -v "${command}" >/dev/null; then continue; fi
    if command -v dpkg-query >/dev/null && installed "${package}"; then continue; fi
    missing+=("${package}")
  done < <(packages_for "$@")

  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    die "this is not a Debian-like system (no apt-get), so nothing can be installed for you." \
      "Install what these Debian packages hold, then run ./run --no-setup ...:" "  ${wanted[*]}"
  fi
  if ((${#missing[@]} == 0)); then
    say "packages for $*: all there"
    return
  fi
  if [[ "$(id -u)" != 0 ]] && ! command -v sudo >/dev/null; then
    die "packages are missing, and you are neither root nor is there sudo." \
      "Have root run this, then try again:" "  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  fi

  say "packages for $*: installing ${missing[*]}"
  apt_get update || die "apt-get update failed (its reason stands above). Check the network and /etc/apt/sources.list*."
  local -a unknown=()
  for package in "${missing[@]}"; do
    if [[ -z "$(apt-cache madison "${package}" 2>/dev/null)" ]]; then unknown+=("${package}"); fi
  done
  if ((${#unknown[@]} > 0)); then
    die "no package source of this system offers: ${unknown[*]}" \
      "userclient is built on Debian 12 (this is: $(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-unknown}"))." \
      "Check /etc/apt/sources.list*, or get them some other way and run ./run --no-setup ..."
  fi
  apt_get install --yes --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install: ${missing[*]} (its reason stands above)"
}
