// Part of the entrypoint: from the mounted set to the one that running workers have answered for.
//
//   mounted set --copy--> generation --manifest--> verified --nginx -t--> candidate --HUP, workers answer--> loaded
//        any failure: the loaded generation stays, state `pending`; before the first success: nginx is not started

export const RELOAD_SCRIPT = String.raw`
nginx_pid='' loaded='' loaded_sum='' seen='' problem='' reported='' retry_at=0 rounds=0 reloads_success=0 reloads_failure=0

is_running() { [ -n "$nginx_pid" ] && kill -0 "$nginx_pid" 2>/dev/null; }
sum_of() { sha256sum "$1" 2>/dev/null | cut -d ' ' -f 1; }

# After a restart of the container the run directory still holds the generations of before.
resume_numbering() {
  number=0
  for generation in "$run"/generations/*; do
    name=$(basename "$generation")
    case "$name" in *[!0-9]*) ;; *) [ "$name" -le "$number" ] || number=$name ;; esac
  done
}

# What names the mounted set: the target of ..data, which the kubelet swaps; outside of Kubernetes the manifest's hash.
name_mounted_set() { readlink "$mounted/..data" || sum_of "$mounted/conf/manifest"; }

# Copies the set in $1 and compares it with its manifest. All paths go through one resolved directory: a swap meanwhile cannot mix two sets.
copy_set() {
  mkdir -p "$candidate/certs" "$candidate/caCerts" "$candidate/conf" "$candidate/entry"
  problem='the files are being replaced'
  cp "$1/conf/manifest" "$candidate/conf/manifest" 2>/dev/null || { problem='there is no manifest yet'; return 1; }
  sed -n 's/^  "\([A-Za-z0-9._/-]*\)": "\([0-9a-f]\{64\}\)",\{0,1\}$/\2  \1/p' "$candidate/conf/manifest" > "$candidate/sums"
  if grep -q '  /\|\.\./' "$candidate/sums"; then problem='the manifest names a file outside of the set'; return 1; fi
  while read -r _ path; do
    cp "$1/$path" "$candidate/$path" 2>/dev/null || { problem="missing: $path"; return 1; }
  done < "$candidate/sums"
  [ -e "$candidate/conf/nginx.conf" ] || { problem='the manifest has no nginx.conf: this certificate needs engine node'; return 1; }
  wrong=$(cd "$candidate" && sha256sum -c sums 2>/dev/null | sed -n 's/: FAILED.*//p' | tr '\n' ' ')
  [ -z "$wrong" ] || { problem="differs from the manifest: $wrong"; return 1; }
  check_crl
}

# nginx takes an expired CRL and then refuses everybody, so a running set that is still good is not exchanged for it.
check_crl() {
  next_update=$(number_in_manifest crlNextUpdate "$candidate/conf/manifest")
  [ -z "$loaded" ] || [ -z "$next_update" ] || [ "$next_update" -gt "$(date +%s)" ] || { problem='a CRL in the set has expired'; return 1; }
}

test_candidate() {
  nginx -t -q -p "$run/" -e stderr -c "$candidate/conf/adapted.conf" > "$run/tmp/test.log" 2>&1 && return 0
  case "$(cat "$run/tmp/test.log")" in
    *'key values mismatch'*) problem='a key in the set is not the key of its certificate' ; return 1 ;;
  esac
  problem="nginx refuses the set: $(sed -n 's/^.*\[emerg\] //p' "$run/tmp/test.log" | sed 's/^[0-9#]*: //; s/ in [^ ]*:\([0-9]*\)$/ in line \1/; s|/run/[^ ]*/generations/[0-9]*/conf/||g' | head -n 1)"
  return 1
}

prepare_candidate() {
  number=$((number + 1))
  candidate=$run/generations/$number
  rm -rf "$candidate"
  copy_set "$1" && write_pod_files "$candidate" "$number" && test_candidate
}

# Three answers in a row: while old and new workers share the listening socket, one alone may be luck.
await_workers() {
  answers=0 tries=0
  while [ "$tries" -lt 80 ] && is_running; do
    if [ "$(wget -q -T 1 -O - "http://127.0.0.1:$status_port/generation" 2>/dev/null)" = "$number" ]; then answers=$((answers + 1)); else answers=0; fi
    [ "$answers" -lt 3 ] || return 0
    sleep 0.1
    tries=$((tries + 1))
  done
  problem='the new workers do not answer'
  return 1
}

start_nginx() {
  nginx -p "$run/" -e stderr -c "$run/current/conf/adapted.conf" &
  nginx_pid=$!
}

listen_addresses() { sed -n 's/^ *listen \([^ ;]*\).*/\1/p' "$1/conf/adapted.conf" "$1"/pod/*listen.conf | sort -u; }

# Does a port of the running set get other addresses? 0.0.0.0:8443 cannot be bound while 127.0.0.1:8443 is, so a reload would fail, which nginx -t does not see.
moves_a_port() {
  { listen_addresses "$run/current"; echo; listen_addresses "$candidate"; } | awk '
    $0 == "" { isNew = 1; next }
    { port = $0; sub(/.*:/, "", port); if (isNew) new[port] = new[port] " " $0; else old[port] = old[port] " " $0 }
    END { for (port in new) if (port in old && old[port] != new[port]) found = 1; exit !found }'
}

# The old nginx gives its ports back at once and finishes what it has begun beside the new one.
restart_nginx() {
  kill -QUIT "$nginx_pid" 2>/dev/null
  start_nginx
}

start_or_reload() {
  moved=''
  if [ -n "$nginx_pid" ] && moves_a_port; then moved=yes; fi
  ln -sfn "generations/$number" "$run/current"
  if [ -z "$nginx_pid" ]; then start_nginx
  elif [ -n "$moved" ]; then log info 'a port gets other addresses: nginx starts anew' ; restart_nginx
  else kill -HUP "$nginx_pid"
  fi
  await_workers && return 0
  [ "$stops" = 0 ] || drain
  [ -n "$loaded" ] || { log error 'nginx does not start'; kill -TERM "$nginx_pid" 2>/dev/null; exit 1; }
  ln -sfn "generations/$loaded" "$run/current"
  [ -z "$moved" ] || restart_nginx
  return 1
}

# Written aside and renamed: a reader sees one state or the next.
publish() {
  {
    printf '{"engine":"nginx","state":"%s",' "$1"
    [ "$1" = current ] || printf '"message":"%s",' "$(plain "$problem")"
    printf '"manifestSHA256":"%s","manifest":' "$loaded_sum"
    cat "$run/current/conf/manifest"
    printf ',"plaintextReachable":[%s]}\n' "$reachable"
  } > "$run/tmp/status.json" && mv -f "$run/tmp/status.json" "$run/status.json"
}

adopt_candidate() {
  loaded=$number loaded_sum=$(sum_of "$candidate/conf/manifest")
  : > "$candidate/good"
  for generation in "$run"/generations/*; do [ "$generation" = "$candidate" ] || rm -rf "$generation"; done
  reloads_success=$((reloads_success + 1)) problem='' reported=''
  read_loopback_ports
  publish current
  write_metrics
  log info "loaded manifest $loaded_sum"
}

keep_loaded() {
  if [ "$problem" != "$reported" ]; then
    reported=$problem reloads_failure=$((reloads_failure + 1))
    log error "not loaded: $(plain "$problem")"
    [ -z "$loaded" ] || write_metrics
  fi
  [ "$loaded" = "$number" ] || rm -rf "$candidate"
  if [ -n "$loaded" ]; then publish pending; else start_previous; fi
}

# The container was restarted, and what is mounted now is no good: the last good set still is.
start_previous() {
  for generation in "$run"/generations/*; do
    [ -e "$generation/good" ] || continue
    refused=$problem
    if prepare_candidate "$generation" && start_or_reload; then
      adopt_candidate
      problem=$refused reported=$refused
      publish pending
      return
    fi
  done
}

# A refused set is looked at again after five seconds: a file may have been unreadable, a port taken, for a moment only.
follow_mounted_set() {
  rounds=$((rounds + 1))
  name=$(name_mounted_set 2>/dev/null)
  if [ "$name" = "$seen" ] && { [ -z "$problem" ] || [ "$rounds" -lt "$retry_at" ]; }; then return; fi
  seen=$name retry_at=$((rounds + 5))
  if [ -h "$mounted/..data" ]; then set_directory=$mounted/$name; else set_directory=$mounted; fi
  if prepare_candidate "$set_directory" && start_or_reload; then adopt_candidate; else keep_loaded; fi
}
`;
