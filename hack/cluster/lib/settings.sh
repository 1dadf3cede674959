# Where everything of this checkout's cluster lives, and the addresses that are its own.
# Rule: whatever is machine-wide (ports, addresses, the veth, the cgroup) is derived from the checkout's path,
# moved on where something else already has it, and recorded in .cluster/settings for as long as the cluster lives.
# CLUSTER=NAME is a second cluster of the same checkout, in .cluster-NAME, which shares nothing with the first.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
here=$checkout/hack/cluster
state=$checkout/.cluster${CLUSTER:+-$CLUSTER}
bin=$state/bin
pki=$state/pki
run=$state/run
logs=$state/logs
node_state=$state/node
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tenant-mtls
kubernetes_version=v1.35.4
node_name=tenant-mtls-node

path_hash=$(printf '%s' "${state%/.cluster}" | sha256sum)
cluster_id=${path_hash:0:8}
node_cgroup=tenant-mtls-$cluster_id
host_link=tmtls-$cluster_id

port_is_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A slot is free when its ten ports are, and when no route of this machine but the default one leads into its pod range.
slot_is_free() {
  local port route
  for port in $(seq $((21000 + $1 * 10)) $((21000 + $1 * 10 + 5))); do
    port_is_taken "$port" && return 1
  done
  for route in "10.244.$1.1" "10.96.$(($1 * 4)).1"; do
    ip -4 route show match "$route" 2>/dev/null | grep -qv '^default' && return 1
  done
  return 0
}

choose_slot() {
  local first=$((16#${cluster_id:0:4} % 60)) offset
  for offset in $(seq 0 59); do
    slot=$(((first + offset) % 60))
    slot_is_free "$slot" && return
  done
  fail "all 60 ranges of addresses and ports are in use on this machine"
}

anything_is_running() {
  local file
  for file in "$run"/*.pid; do
    [[ -e $file ]] && is_running "$(basename "$file" .pid)" && return
  done
  return 1
}

# A cluster at rest may find its ports taken by others. Its addresses are in its data, so it starts from nothing then.
forget_lost_slot() {
  local slot
  source "$state/settings"
  anything_is_running || slot_is_free "$slot" || {
    say "something else has taken the ports of this cluster: starting over"
    rm -rf "$state"/{settings,pki,etcd,node,config,run}
  }
}

load_settings() {
  [[ ! -s $state/settings ]] || forget_lost_slot
  mkdir -p "$state" "$run" "$logs" "$bin"
  if [[ ! -s $state/settings ]]; then
    end_orphans
    [[ $EUID -ne 0 ]] || clear_node_remains
    choose_slot
    echo "slot=$slot" >"$state/settings"
  fi
  # shellcheck disable=SC1091
  source "$state/settings"
  api_port=$((21000 + slot * 10))
  etcd_port=$((api_port + 1))
  etcd_peer_port=$((api_port + 2))
  controller_manager_port=$((api_port + 3))
  scheduler_port=$((api_port + 4))
  pod_range=10.244.$slot.0/24
  service_range=10.96.$((slot * 4)).0/22
  api_service_ip=10.96.$((slot * 4)).1
  dns_service_ip=10.96.$((slot * 4)).10
  host_ip=10.244.255.$((slot * 4 + 1))
  node_ip=10.244.255.$((slot * 4 + 2))
}
