// Part of the entrypoint: locations on the status port that stand for the app's probes and hooks (api/probes.ts), where the app listens on
// loopback only. They give away whether the app is well and nothing else: 200 where the kubelet would see success, else 503; for a hook, where the
// kubelet would see none, the connection is closed without an answer (nginx's 444).
import { SIDECAR_ENV } from '../api/names.ts';

export const PROBES_SCRIPT = String.raw`
# $1: a route as one line of JSON, $2: its key. Values are of the safe characters that the webhook has checked.
text_field() { printf '%s' "$1" | sed -n 's/.*"'"$2"'":"\([^"\\]*\)".*/\1/p'; }
number_field() { printf '%s' "$1" | sed -n 's/.*"'"$2"'":\([0-9]\{1,5\}\)[,}].*/\1/p'; }
header_fields() {
  printf '%s' "$1" | grep -o '{"name":"[A-Za-z0-9-]*","value":"[^"\\$;{}]*"}' | sed 's/{"name":"\(.*\)","value":"\(.*\)"}/  proxy_set_header \1 "\2";/'
}

# The subrequest asks the app; what it says is dropped, its status is judged.
write_probe() {
  path=$(text_field "$1" path) kind=$(text_field "$1" kind) target=$(text_field "$1" target) host=$(text_field "$1" host)
  to=$(number_field "$1" port) seconds=$(number_field "$1" timeoutSeconds)
  if printf '%s' "$path$target$host" | grep -q '[^][A-Za-z0-9/._~%?&=+,:@!*-]'; then log error 'a probe route is not well-formed'; return 0; fi
  case "$kind" in HTTP | TCP) scheme=http ;; HTTPS) scheme=https ;; *) return 0 ;; esac
  [ -n "$path" ] && [ -n "$to" ] && [ -n "$seconds" ] || return 0
  if [ "$kind" = TCP ]; then judged=connected target=/; else judged=status; fi
  case "$path" in */postStart | */preStop) judged=answered ;; esac
  [ -n "$host" ] || host=127.0.0.1
  limit=$seconds"s"
  cat <<PROBE
location = $path {
  limit_except GET { deny all; }
  auth_request /ask$path;
  auth_request_set \$probe_status \$upstream_status;
  auth_request_set \$probe_connected \$upstream_connect_time;
  auth_request_set \$probe_answered \$upstream_header_time;
  error_page 401 403 500 = @probe_$judged;
  try_files /none @probe_$judged;
}
location = /ask$path {
  internal;
  proxy_pass "$scheme://127.0.0.1:$to$target";
  proxy_set_header Host "$host";
  proxy_set_header Connection close;
$(header_fields "$1")
  proxy_pass_request_body off;
  proxy_pass_request_headers off;
  proxy_connect_timeout $limit;
  proxy_read_timeout $limit;
}
PROBE
}

write_probes() {
  [ -n "$${SIDECAR_ENV.probes}" ] || return 0
  echo 'location @probe_status { if ($probe_status ~ "^[23]") { return 200; } return 503; }'
  echo 'location @probe_connected { if ($probe_connected ~ "^[0-9]") { return 200; } return 503; }'
  echo 'location @probe_answered { if ($probe_answered ~ "^[0-9]") { return 200; } return 444; }'
  echo 'set $probe_status ""; set $probe_connected ""; set $probe_answered "";'
  printf '%s\n' "$${SIDECAR_ENV.probes}" | while read -r route; do
    case "$route" in \{*) write_probe "$route" ;; esac
  done
}
`;
