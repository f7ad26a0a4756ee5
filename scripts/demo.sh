#!/usr/bin/env bash
# ./run demo: three servers behind one name, one of them sick, and what a client makes of it. scripts/demo.sh BUILD_DIR [--short]
#
# Everything listens on loopback addresses and ports that are free at the time. Ends by itself, takes its processes and its files with
# it however it ends; exit status 0 only if everything happened as it is told.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

usage="usage: scripts/demo.sh BUILD_DIR [--short]"
build="${1:?${usage}}"
calls=2500
rate=500
case "${2:-}" in
  "") ;;
  --short) calls=400 ;;
  *)
    echo "${usage}" >&2
    exit 2
    ;;
esac

config=service_config/production.json
name=users.demo.internal
user_server="${build}/samples/user_server/user_server"
userctl="${build}/samples/userctl/userctl"
demo_load="${build}/samples/demo/demo_load"
# Debian keeps it where the PATH of an ordinary user does not go.
dnsmasq="$(PATH="${PATH}:/usr/sbin:/sbin" command -v dnsmasq || true)"

# What the person at the keyboard has set for other programs must not change what is seen here.
unset http_proxy https_proxy grpc_proxy no_proxy no_grpc_proxy GRPC_TRACE USERCTL_TARGET
export GRPC_VERBOSITY=NONE GRPC_DNS_RESOLVER=ares LC_ALL=C

scratch=""

# The only way out. Kills what this script has started and nothing else: `jobs` lists its own children.
clean_up() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP PIPE
  {
    local child
    for child in $(jobs -pr); do
      kill -KILL "${child}"
      wait "${child}"
    done
  } 2>/dev/null || true
  if [[ -n "${scratch}" ]]; then rm -rf -- "${scratch}"; fi
  exit "${status}"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
scratch="$(mktemp -d "${TMPDIR:-/tmp}/userclient-demo.XXXXXX")"

say() { printf '\n==> %s\n' "$*"; }
tell() { printf '    %s\n' "$@"; }

die() {
  printf '\ndemo: %s\n' "$1" >&2
  local log
  for log in "${scratch}"/*.out "${scratch}"/*.err; do
    if [[ -s "${log}" ]]; then
      printf '\n--- the end of what %s has said:\n' "$(basename "${log}")" >&2
      tail -n 15 -- "${log}" >&2
    fi
  done
  exit 1
}

# start NAME PROGRAM [ARGS]: in the background, its output in the scratch directory; sets ${pid[NAME]}. Should this script be killed
# without a chance to clean up, the kernel kills its children.
declare -A pid
start() {
  local who="$1"
  shift
  setpriv --pdeathsig KILL "$@" >"${scratch}/${who}.out" 2>"${scratch}/${who}.err" &
  pid["${who}"]=$!
}

alive() { kill -0 "${pid["$1"]}" 2>/dev/null; }

# finish NAME: waits until it has ended; its exit status.
finish() { wait "${pid["$1"]}" 2>/dev/null; }

# await NAME COMMAND...: until the command succeeds, for 20 s at most and only as long as NAME lives.
await() {
  local who="$1" limit=$((SECONDS + 20))
  shift
  until "$@"; do
    if ! alive "${who}" || ((SECONDS > limit)); then return 1; fi
    sleep 0.02
  done
}

# ---------------------------------------------------------------------------------------------------------------- the processes

is_listening() { grep -q '^listening on ' "${scratch}/$1.out"; }

# start_server NAME HOST:PORT [ARGS]: false if it has ended, most likely because the port is in use.
start_server() {
  local who="$1" address="$2"
  shift 2
  start "${who}" "${user_server}" --name "${who}" --listen "${address}" --admin 127.0.0.1:0 --seed-users 100 --log "${scratch}/${who}.log" \
    --drain-notice 0s --drain-limit 10s "$@"
  await "${who}" is_listening "${who}" || ! alive "${who}" || die "the server ${who} does not listen"
  alive "${who}"
}

healthy='{"faults": [{"method": "GetUser", "probability": 1, "delay": "0.02s"}]}'
sick='{"faults": [
  {"method": "GetUser", "probability": 0.005, "hang": true},
  {"method": "GetUser", "probability": 0.2, "status": "UNAVAILABLE", "message": "bravo is sick"},
  {"method": "GetUser", "probability": 0.05, "delay": "0.3s"},
  {"method": "GetUser", "probability": 1, "delay": "0.02s"}]}'

# Sets ${port}: free on all three addresses.
start_servers() {
  local try who
  for try in {1..20}; do
    start_server alpha 127.0.0.2:0 --faults "${healthy}" || die "the server alpha did not start"
    port="$(sed -n 's/^listening on .*://p' "${scratch}/alpha.out")"
    if start_server bravo "127.0.0.3:${port}" --faults "${sick}" && start_server charlie "127.0.0.4:${port}" --faults "${healthy}"; then
      return
    fi
    for who in "${!pid[@]}"; do
      kill -KILL "${pid["${who}"]}" 2>/dev/null || true
      finish "${who}" || true
    done
    pid=()
  done
  die "the servers bravo and charlie did not start, on none of ${try} ports"
}

admin_address() { printf '127.0.0.1:%s' "$(sed -n 's/^fault service on port //p' "${scratch}/$1.err")"; }

# The number of addresses behind the name: asks the name server for its A records, and reads the count from the header of the answer.
# The question goes out in one write, for it has to be one datagram.
addresses_served() {
  local question='\x17\x2a\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00' label
  for label in ${name//./ }; do question+="$(printf '\\x%02x%s' "${#label}" "${label}")"; done
  question+='\x00\x00\x01\x00\x01'
  {
    printf '%b' "${question}" >&3
    timeout 1 dd bs=512 count=1 status=none <&3 | od -An -tu1 -j7 -N1 | tr -d ' \n'
  } 3<>"/dev/udp/127.0.0.1/${dns_port}" 2>/dev/null
}

serves_three_addresses() { [[ "$(addresses_served)" == 3 ]]; }

# Sets ${dns_port}.
start_name_server() {
  printf '%s %s\n' 127.0.0.2 "${name}" 127.0.0.3 "${name}" 127.0.0.4 "${name}" >"${scratch}/hosts"
  local try
  for try in {1..20}; do
    # Below the ports that the kernel hands out.
    dns_port=$((RANDOM % 12000 + 20000))
    start dnsmasq "${dnsmasq}" --no-daemon --conf-file=/dev/null --pid-file= --no-resolv --no-hosts "--addn-hosts=${scratch}/hosts" \
      --local=/demo.internal/ "--port=${dns_port}" --listen-address=127.0.0.1 --bind-interfaces
    if await dnsmasq serves_three_addresses; then return; fi
    if alive dnsmasq; then die "dnsmasq does not serve three addresses for ${name}"; fi
  done
  die "dnsmasq did not start, on none of ${try} ports"
}

# ---------------------------------------------------------------------------------------------------------------- the client

# call ARGS: userctl with the target and the config; sets ${status}, its output is in the scratch directory.
call() {
  start userctl "${userctl}" --target "${target}" --config "${config}" "$@"
  status=0
  finish userctl || status=$?
}

show_call() {
  printf '    $ userctl --target %s --config %s %s\n' "${target}" "${config}" "$*"
  sed 's/^/      /' "${scratch}/userctl.err" "${scratch}/userctl.out"
}

# ---------------------------------------------------------------------------------------------------------------- the demo

for program in "${user_server}" "${userctl}" "${demo_load}"; do
  [[ -x "${program}" ]] || die "${program} is not built; ./run demo builds it"
done
[[ -n "${dnsmasq}" ]] || die "there is no dnsmasq; ./run setup demo installs it"

say "three servers of one service, and a name server"
start_servers
start_name_server
tell "alpha    127.0.0.2:${port}   healthy: answers in 20 ms" \
  "bravo    127.0.0.3:${port}   sick: one call in five fails, one in 20 takes 0.3 s, one in 200 is never answered" \
  "charlie  127.0.0.4:${port}   healthy" \
  "dnsmasq  127.0.0.1:${dns_port}   ${name} is 127.0.0.2, 127.0.0.3 and 127.0.0.4"
target="dns://127.0.0.1:${dns_port}/${name}:${port}"

say "one call to whichever server is next; --verbose tells what happened"
for try in {1..10}; do
  call --verbose get u-1
  if ((status == 0)) && ! grep -q ' retry' "${scratch}/userctl.err"; then break; fi
done
((status == 0)) || die "userctl did not get user u-1 (exit status ${status})"
show_call --verbose get u-1

say "three calls in turn, again and again until one meets the sick server: it is retried, and all three have their answer"
for try in {1..200}; do
  call --verbose get u-1 u-2 u-3
  ((status == 0)) || die "userctl did not get three users (exit status ${status})"
  if grep -q ' retry' "${scratch}/userctl.err"; then break; fi
done
grep -q ' retry' "${scratch}/userctl.err" || die "in ${try} runs of three calls none was retried, though one server fails one call in five"
show_call --verbose get u-1 u-2 u-3
tell "(run ${try} of these; exit status 0, like all before it)"

say "a user that does not exist: an answer, not trouble, so it is not retried"
call get u-404
((status == 69)) || die "userctl ended with exit status ${status} instead of 69 for a user that does not exist"
show_call get u-404
tell "(exit status 69 is 64 + 5, gRPC's number for NOT_FOUND)"

say "a load: the generated stub as it comes, and userclient, side by side on the same servers"
tell "each makes ${calls} calls, ${rate} a second; and then as many again, while a server is killed"
servers=()
for who in alpha bravo charlie; do
  servers+=(--server "${who},$(sed -n 's/^listening on //p' "${scratch}/${who}.out"),$(admin_address "${who}")")
done
half="${scratch}/half"
# Its output is the demo's own.
setpriv --pdeathsig KILL "${demo_load}" --target "${target}" --config "${config}" --calls "${calls}" --rate "${rate}" \
  --half-file "${half}" "${servers[@]}" 2>"${scratch}/load.err" &
pid[load]=$!
until [[ -e "${half}" ]] || ! alive load; do sleep 0.02; done
if [[ -e "${half}" ]]; then
  alive charlie || die "the server charlie has ended before it was killed"
  kill -KILL "${pid[charlie]}"
  finish charlie || true
  tell "(charlie has just been killed: kill -9 ${pid[charlie]})"
fi
finish load || die "the load has not gone as it should (exit status $?)"
[[ -e "${half}" ]] || die "the second load has not come to its half"

for who in alpha bravo; do
  alive "${who}" || die "the server ${who} has ended by itself"
  kill -TERM "${pid["${who}"]}"
  finish "${who}" || die "the server ${who} has not shut down cleanly (exit status $?)"
done
alive dnsmasq || die "dnsmasq has ended by itself"

say "done. Next: docs/tour.md, and docs/service_config.md for what the client was told to do"
