// The shell program that runs in the nginx sidecar, as the text of entry/entrypoint.sh. A template, so that it is the same bundled and
// unbundled; hence it spells variables $name, never with braces. Its parts follow one another in the order of a reload.
import { SIDECAR, SIDECAR_ENV } from '../api/names.ts';
import { METRICS_SCRIPT } from './entrypoint-metrics.ts';
import { POD_FILES_SCRIPT } from './entrypoint-pod-files.ts';
import { PROBES_SCRIPT } from './entrypoint-probes.ts';
import { RELOAD_SCRIPT } from './entrypoint-reload.ts';

const HEAD = String.raw`#!/bin/sh
# Runs nginx on the newest complete set of files, and says at /status which one that is.
# One rule: what has been verified against the manifest is what nginx reads, so a set is copied first, and a bad one changes nothing.
umask 077
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

mounted=${SIDECAR.directory}
run=${SIDECAR.runDirectory}
stream_module=/usr/lib/nginx/modules/ngx_stream_module.so

log() { printf '{"level":"%s","msg":"%s"}\n' "$1" "$2" >&2; }

# What may stand in a JSON string without escaping, on one line.
plain() { printf '%s' "$1" | tr '\n\t' '  ' | tr -cd 'A-Za-z0-9 ._/:;,()=+*@-' | cut -c 1-400; }

# $1: name of a variable, $2: its value, $3: what holds when it is empty. The webhook has validated it; this is the last gate before a directive.
port() {
  case "$2" in
    '') printf '%s' "$3" ;;
    *[!0-9]* | ??????* | 0*) log error "$1 is not a port" ; return 1 ;;
    *) [ "$2" -le 65535 ] && printf '%s' "$2" ;;
  esac
}

app_port=$(port ${SIDECAR_ENV.appPort} "$${SIDECAR_ENV.appPort}" '') || exit 1
listener_port=$(port ${SIDECAR_ENV.listenerPort} "$${SIDECAR_ENV.listenerPort}" ${SIDECAR.defaultListenerPort}) || exit 1
status_port=$(port TENANT_MTLS_STATUS_PORT "$TENANT_MTLS_STATUS_PORT" ${SIDECAR.statusPort}) || exit 1
`;

const MAIN = String.raw`
# TERM (or QUIT, the stop signal of the official image): nginx finishes what it has begun, worker_shutdown_timeout at most; the second one ends it now.
stops=0
stop() {
  stops=$((stops + 1))
  [ -n "$nginx_pid" ] || exit 0
  if [ "$stops" = 1 ]; then kill -QUIT "$nginx_pid"; else kill -TERM "$nginx_pid"; fi 2>/dev/null
}
trap stop TERM INT QUIT

drain() {
  log info 'stopping: waiting for requests to end'
  while is_running; do wait "$nginx_pid"; done
  exit 0
}

# Interrupted by signals, unlike a sleep in the foreground.
pause() { sleep 1 & wait $!; }

# What workers of before a restart had loaded says nothing about those to come.
rm -f "$run/status.json" "$run/metrics"
mkdir -p "$run/generations" "$run/tmp" || exit 1
resume_numbering
ticks=0
while :; do
  follow_mounted_set
  [ "$stops" = 0 ] || drain
  if [ -n "$nginx_pid" ]; then
    is_running || { log error 'nginx has ended unexpectedly'; exit 1; }
    [ $((ticks % 5)) != 0 ] || { check_plaintext; write_metrics; }
    ticks=$((ticks + 1))
  fi
  pause
  [ "$stops" = 0 ] || drain
done
`;

/** POSIX shell for busybox ash; also runs in dash. */
export const ENTRYPOINT = [HEAD, POD_FILES_SCRIPT, PROBES_SCRIPT, RELOAD_SCRIPT, METRICS_SCRIPT, MAIN].join('');
