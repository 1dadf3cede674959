# Starting and ending components. A component runs on the host (control plane) or in the node's namespaces, has
# run/NAME.pid (see launch) and run/NAME.cmd (its command line, to notice that it should now run differently).
# Rule: a process is signalled only if pid and start time are those written down.

# start_time /proc/PID - none for a zombie, which is only waiting for a lazy parent.
start_time() {
  local stat fields
  read -r stat <"$1/stat" || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} == Z ]] || echo "${fields[19]}"
}

# The /proc in which the pid of a component means something: pids in the node are those of its own pid namespace.
proc_of() {
  case $1 in
    containerd | kubelet | kube-proxy) echo "/proc/$(node_pid)/root/proc" ;;
    *) echo /proc ;;
  esac
}

is_running() {
  local pid start
  [[ -s $run/$1.pid ]] || return 1
  read -r pid start <"$run/$1.pid"
  [[ $(start_time "$(proc_of "$1")/$pid" 2>/dev/null) == "$start" ]]
}

node_pid() {
  local pid=0 start
  [[ ! -s $run/node.pid ]] || read -r pid start <"$run/node.pid"
  echo "${pid:-0}"
}

in_node() {
  nsenter --target "$(node_pid)" --mount --net --pid -- "$@"
}

send_signal() {
  local pid
  read -r pid _ <"$run/$2.pid"
  if [[ $(proc_of "$2") == /proc ]]; then
    kill "-$1" "$pid"
  else
    in_node bash -c "kill -$1 $pid"
  fi
}

# ensure NAME COMMAND... - starts NAME unless it already runs with this very command line.
ensure() {
  local name=$1
  shift
  is_running "$name" && [[ $(cat "$run/$name.cmd") == "$*" ]] && return
  end "$name"
  echo "$*" >"$run/$name.cmd"
  printf '%q ' "$@" >"$run/$name.start"
  spawn "$name" "$@"
}

spawn() {
  local name=$1 enter=()
  shift
  [[ $(proc_of "$name") == /proc ]] || enter=(nsenter --target "$(node_pid)" --mount --net --pid --)
  setsid "${enter[@]}" "$here/lib/launch" "$run/$name.pid" "$@" >>"$logs/$name.log" 2>&1 </dev/null 9>&- &
  wait_until 10 "the start of $name" is_running "$name"
}

# end NAME [SIGNAL] - SIGTERM, and SIGKILL after 5 s; fine if it does not run.
end() {
  local name=$1 signal=${2:-TERM} tries=0
  while is_running "$name"; do
    ((++tries < 100)) || signal=KILL
    if ((tries == 1 || tries >= 100)); then
      send_signal "$signal" "$name" 2>/dev/null || true
    fi
    sleep 0.05
  done
  rm -f "$run/$name.pid"
}

# end_orphans - processes of this checkout's cluster whose .cluster was deleted under them, known by their whole command line.
end_orphans() {
  local file words
  for file in /proc/[0-9]*/cmdline; do
    mapfile -d '' -t words 2>/dev/null <"$file" || continue
    case ${words[*]} in
      "bash $here/lib/node-init $node_state $run" | "$bin/etcd "* | "$bin/kube-"*) kill -KILL "$(basename "${file%/cmdline}")" || true ;;
    esac
  done
}
