// Part of the entrypoint: what only a look around can tell, namely open ports and nginx's counters, into files that nginx serves.
import { SIDECAR_METRICS } from '../proxy-model/sidecar-metrics.ts';
import type { SidecarMetric } from '../proxy-model/sidecar-metrics.ts';

const M = SIDECAR_METRICS;

/** A shell line that prints a metric whose value is in `variable`, unless that is empty. */
function sample({ name, type, help }: SidecarMetric, variable: string): string {
  return `  [ -z "$${variable}" ] || printf '# HELP ${name} ${help}\\n# TYPE ${name} ${type}\\n${name} %s\\n' "$${variable}"`;
}

function heading({ name, type, help }: SidecarMetric): string {
  return `# HELP ${name} ${help}\\n# TYPE ${name} ${type}\\n`;
}

export const METRICS_SCRIPT = String.raw`
reachable='' loopback_ports=''

# Ports on loopback that the loaded configuration sends to.
read_loopback_ports() {
  loopback_ports=$(sed -n 's/^ *server \(127\.[0-9.]*\|localhost\|\[::1\]\):\([0-9]*\).*/\2/p' "$run/current/conf/nginx.conf" | tr '\n' ' ')
  if grep -q 'include \.\./pod/app\.conf' "$run/current/conf/nginx.conf"; then loopback_ports="$loopback_ports$app_port"; fi
}

# Is somebody in this network namespace listening on port $1 at more than a loopback address (127/8, ::1, and the former mapped into IPv6)?
# The kernel's table says so without a connection to the app, which would show in its log, and an app that starts later is seen as well.
listens_beyond_loopback() {
  awk -v port="$(printf ':%04X' "$1")" '
    $4 == "0A" && substr($2, length($2) - 4) == port {
      address = substr($2, 1, length($2) - 5)
      if (address !~ /^(......7F|00000000000000000000000001000000|0000000000000000FFFF0000......7F)$/) found = 1
    }
    END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

check_plaintext() {
  now_reachable=''
  for loopback_port in $loopback_ports; do
    case ",$now_reachable," in *,"$loopback_port",*) continue ;; esac
    if listens_beyond_loopback "$loopback_port"; then now_reachable="$now_reachable,$loopback_port"; fi
  done
  now_reachable=$(printf '%s' "$now_reachable" | cut -c 2-)
  [ "$now_reachable" != "$reachable" ] || return 0
  reachable=$now_reachable
  [ -z "$reachable" ] || log warn "the app answers without TLS on every address of the pod: port $reachable"
  if [ -z "$problem" ]; then publish current; else publish pending; fi
}

# $1: key, $2: file.
number_in_manifest() { sed -n 's/^ "'"$1"'": \([0-9]*\),\{0,1\}$/\1/p' "$2"; }

# stub_status: Active connections: 3 / server accepts handled requests / 5 5 8 / Reading: 0 Writing: 1 Waiting: 2
write_metrics() {
  open='' accepted='' requests=''
  set -- $(wget -q -T 1 -O - "http://127.0.0.1:$status_port/connections" 2>/dev/null)
  if [ $# -ge 10 ]; then
    open=$3
    shift 7
    accepted=$1 requests=$3
  fi
  manifest=$run/current/conf/manifest
  not_after=$(number_in_manifest certificateNotAfter "$manifest") next_update=$(number_in_manifest crlNextUpdate "$manifest")
  if [ -z "$problem" ]; then pending=0; else pending=1; fi
  {
${[
  sample(M.connectionsOpen, 'open'),
  sample(M.connectionsAccepted, 'accepted'),
  sample(M.requests, 'requests'),
  sample(M.certificateNotAfter, 'not_after'),
  sample(M.crlNextUpdate, 'next_update'),
  sample(M.pending, 'pending'),
].join('\n')}
    printf '${heading(M.reloads)}${M.reloads.name}{result="success"} %s\n${M.reloads.name}{result="failure"} %s\n' "$reloads_success" "$reloads_failure"
    [ -z "$loopback_ports" ] || printf '${heading(M.plaintextReachable)}'
    for loopback_port in $loopback_ports; do
      case ",$reachable," in *,"$loopback_port",*) value=1 ;; *) value=0 ;; esac
      printf '${M.plaintextReachable.name}{port="%s"} %s\n' "$loopback_port" "$value"
    done
  } > "$run/tmp/metrics" && mv -f "$run/tmp/metrics" "$run/metrics"
}
`;
