#!/usr/bin/env bash
# Connects netcat to the echo service, from a temporary container on the compose network: nothing is installed on this
# machine, and no port is published.
set -uo pipefail

readonly NETCAT_IMAGE=${NETCAT_IMAGE:-alpine:3}
readonly NETWORK=${COMPOSE_PROJECT_NAME:-tp0}_testing_net
readonly ECHO_HOST=${ECHO_HOST:-echo} ECHO_PORT=${ECHO_PORT:-12345}
readonly CONNECT_SECONDS=5 ANSWER_SECONDS=10

usage() {
  cat <<USAGE
usage: bash test_server_with_netcat.sh [--check]

Connects netcat to the echo service: type a line, and it is echoed; Ctrl-D ends.

  --check   send one line and check its echo; exit code 0, or 1 for a wrong or missing echo
  --help    print this text

Environment variables: NETCAT_IMAGE, an image with sh, nc and timeout (now $NETCAT_IMAGE); COMPOSE_PROJECT_NAME, the
compose project; ECHO_HOST and ECHO_PORT, the service.
USAGE
}

complain() { printf 'test_server_with_netcat: %s\n' "$*" >&2; }

# Quotes foreign text for a terminal: every character except printable ASCII is escaped.
visible() { LC_ALL=C printf '%q' "$1"; }

# Checks the conditions for the start of a container.
require_network() {
  command -v docker >/dev/null || { complain 'docker is not installed'; return 1; }
  docker network inspect "$NETWORK" >/dev/null 2>&1 && return
  complain "there is no network $NETWORK: is the system up? (make docker-compose-up)"
  return 1
}

# run_beside_echo -i|-it COMMAND ...: runs a command in a container on the echo service's network. Without --init, the
# command would be the container's first process and ignore Ctrl-C.
run_beside_echo() {
  docker run --rm --init "$1" --network "$NETWORK" "$NETCAT_IMAGE" "${@:2}"
}

talk() {
  local input=-i
  [ -t 0 ] && [ -t 1 ] && input=-it
  run_beside_echo "$input" nc -w "$CONNECT_SECONDS" "$ECHO_HOST" "$ECHO_PORT"
}

# The line is different each time, so an older echo cannot pass for the current one. The check ends after the first
# received line, or after the time limit: the echo service may keep the connection open.
check() {
  local sent received
  sent="echo check $$ ${RANDOM}${RANDOM}"
  received=$(printf '%s\n' "$sent" |
    run_beside_echo -i timeout "$ANSWER_SECONDS" sh -c 'nc -w "$1" "$2" "$3" | head -n 1' \
      nc "$CONNECT_SECONDS" "$ECHO_HOST" "$ECHO_PORT")
  [ "$received" = "$sent" ] && return
  complain "sent $(visible "$sent"), received $(visible "$received")"
  return 1
}

report_check() {
  if require_network && check; then
    echo 'action: test_echo_server | result: success'
  else
    echo 'action: test_echo_server | result: fail'
    return 1
  fi
}

[ $# -le 1 ] || { complain "one option is enough: $(visible "$*")"; exit 2; }
case ${1-} in
  '') require_network && talk ;;
  --check) report_check ;;
  -h | --help) usage ;;
  *) complain "unknown option $(visible "$1") (--help lists the options)"; exit 2 ;;
esac
