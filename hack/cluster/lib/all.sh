# Everything the commands of this folder share, and the lock that lets only one of them work on a cluster at a time.

set -euo pipefail
lib=$(dirname "${BASH_SOURCE[0]}")
for part in console settings packages build pki processes control-plane node; do
  # shellcheck disable=SC1090
  source "$lib/$part.sh"
done

lock_cluster() {
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock --nonblock 9 || {
    say "another command works on this cluster; waiting"
    flock 9
  }
}

kubectl() {
  KUBECONFIG=$state/kubeconfig "$bin/kubectl" "$@"
}

# wait_for_component NAME SECONDS COMMAND... - like wait_until, but gives up at once when NAME has died.
wait_for_component() {
  local name=$1 seconds=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    if ! is_running "$name" || ((SECONDS >= deadline)); then
      tail -n 15 "$logs/$name.log" >&2
      fail "$name is not ready; its log is $logs/$name.log"
    fi
    sleep 0.1
  done
}
