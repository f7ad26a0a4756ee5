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

# install_otel: opentelemetry-cpp, from the sources that this system has, or else from the backports of the archive that they name. Its
# lists of sources stay as they are.
install_otel() {
  # shellcheck disable=SC2154 # of packages.sh
  local package="${package_otel}"
  if command -v dpkg-query >/dev/null && installed "${package}"; then
    say "OpenTelemetry: ${package} is there"
    return
  fi
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    die "this is not a Debian-like system (no apt-get), so nothing can be installed for you." \
      "Install opentelemetry-cpp (https://opentelemetry.io) with its API and SDK, and add its prefix to CMAKE_PREFIX_PATH."
  fi
  if [[ "$(id -u)" != 0 ]] && ! command -v sudo >/dev/null; then
    die "${package} is missing, and you are neither root nor is there sudo. Have root run ./run setup --otel."
  fi
  apt_get update || die "apt-get update failed (its reason stands above). Check the network and /etc/apt/sources.list*."
  if [[ -n "$(apt-cache madison "${package}" 2>/dev/null)" ]]; then
    say "OpenTelemetry: installing ${package}"
    apt_get install --yes --no-install-recommends "${package}" || die "apt-get could not install ${package} (its reason stands above)"
    return
  fi

  local release archive
  release="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")"
  # shellcheck disable=SC2016 # apt fills these in
  archive="$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="${release}" '$2 == release && $3 == "main" { print $1; exit }')"
  [[ -n "${release}" && -n "${archive}" ]] ||
    die "no package source of this system offers ${package}, nor does one name the archive of this release, whose backports might." \
      "This is: $(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-unknown}"). Check /etc/apt/sources.list*."
  say "OpenTelemetry: installing ${package} from ${release}-backports"
  local scratch
  scratch="$(mktemp -d)"
  # apt fetches as a user of its own.
  chmod 755 "${scratch}"
  mkdir -p "${scratch}/sources" "${scratch}/lists/partial"
  cp /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources "${scratch}/sources/" 2>/dev/null || true
  if [[ -f /etc/apt/sources.list ]]; then cp /etc/apt/sources.list "${scratch}/sources/system.list"; fi
  {
    printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\n' "${archive}" "${release}"
    if [[ -f /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
      echo 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg'
    fi
  } >"${scratch}/sources/backports.sources"
  local -a with_backports=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=${scratch}/sources"
    -o "Dir::State::lists=${scratch}/lists")
  local failed=0
  apt_get "${with_backports[@]}" update && apt_get "${with_backports[@]}" install --yes --no-install-recommends \
    "${package}/${release}-backports" || failed=1
  as_root rm -rf "${scratch}"
  ((failed == 0)) || die "${package} could not be installed from ${release}-backports (the reason stands above)"
}
