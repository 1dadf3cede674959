# The node: one set of pid, mount and network namespaces with containerd, kubelet and kube-proxy in it, and a veth to
# the host. Nothing it does (mounts, bridges, iptables, addresses of its own) is visible outside of them.

require_root() {
  [[ $EUID -eq 0 ]] || fail "containers need root; without it: make cluster CONTROL_PLANE_ONLY=1"
  [[ $(uname -s) == Linux ]] || fail "containers need Linux; use an existing cluster with CONTEXT=NAME"
}

start_node() {
  if ! is_running node; then
    clear_node_remains
    setsid unshare --mount --net --pid --fork --propagation private -- \
      "$here/lib/node-init" "$node_state" "$run" >>"$logs/node.log" 2>&1 </dev/null 9>&- &
    wait_until 10 "the start of the node's namespaces" is_running node
  fi
  make_cgroups
  connect_node
}

clear_node_remains() {
  wait_until 10 "the removal of the dead node's cgroups and network device" remove_node_remains
}

# Fails while the kernel has not yet let go of a cgroup.
remove_node_remains() {
  rm -f "$run"/{node,containerd,kubelet,kube-proxy}.pid
  ! ip link show "$host_link" >/dev/null 2>&1 || ip link delete "$host_link"
  remove_cgroups
}

cgroup_roots() {
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    echo /sys/fs/cgroup
  else
    awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts | sort -u
  fi
}

make_cgroups() {
  local root controller
  # cgroup v2: a child has only the controllers that its parent hands down.
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
  done
  for root in $(cgroup_roots); do
    mkdir -p "$root/$node_cgroup"
    # A cpuset takes no process before it has been given cpus and memory.
    [[ ! -e $root/cpuset.cpus ]] || inherit_cpuset "$root" "$node_cgroup"
  done
}

inherit_cpuset() {
  local file
  for file in cpuset.cpus cpuset.mems; do
    [[ -n $(cat "$1/$2/$file") ]] || cat "$1/$file" >"$1/$2/$file"
  done
}

remove_cgroups() {
  local root
  for root in $(cgroup_roots); do
    [[ ! -d $root/$node_cgroup ]] || find "$root/$node_cgroup" -depth -type d -exec rmdir {} + || return 1
  done
}

connect_node() {
  ip link show "$host_link" >/dev/null 2>&1 && return
  ip link add "$host_link" type veth peer name eth0 netns "$(node_pid)"
  ip address add "$host_ip/30" dev "$host_link"
  ip link set "$host_link" up
  in_node ip address add "$node_ip/30" dev eth0
  in_node ip link set eth0 up
  in_node ip route add default via "$host_ip"
  ip route add "$pod_range" via "$node_ip" dev "$host_link"
  ip route add "$service_range" via "$node_ip" dev "$host_link"
}

# expand FILE - a configuration file with our addresses in the place of @name@.
expand() {
  sed -e "s|@pod_range@|$pod_range|g" -e "s|@dns_service_ip@|$dns_service_ip|g" -e "s|@node_cgroup@|$node_cgroup|g" \
    -e "s|@node_name@|$node_name|g" -e "s|@pki@|$pki|g" -e "s|@snapshotter@|$(snapshotter)|g" -e "s|@cni_bin@|$(cni_bin)|g" \
    -e "s|@cni_conf@|$state/config/cni|g" "$here/config/$1"
}

# overlayfs cannot stand on overlayfs, which is what a checkout within a container is on.
snapshotter() {
  if [[ $(stat --file-system --format %T "$state") == overlayfs ]]; then echo native; else echo overlayfs; fi
}

cni_bin() {
  if [[ -x /usr/lib/cni/ptp ]]; then echo /usr/lib/cni; else echo /opt/cni/bin; fi
}

write_node_config() {
  local file
  mkdir -p "$state/config/cni"
  for file in containerd.toml kubelet.yaml kube-proxy.yaml; do
    expand "$file" >"$state/config/$file.new"
    # Who reads its configuration only at the start has to start again.
    cmp --quiet "$state/config/$file.new" "$state/config/$file" || end "${file%.*}"
    mv "$state/config/$file.new" "$state/config/$file"
  done
  expand cni.conflist >"$state/config/cni/10-pods.conflist"
}

start_containerd() {
  ensure containerd containerd --config "$state/config/containerd.toml"
  wait_for_component containerd 30 in_node ctr version
}

start_kubelet() {
  ensure kubelet "$bin/kubelet" --config="$state/config/kubelet.yaml" --kubeconfig="$pki/kubelet.kubeconfig" \
    --root-dir=/run/node/kubelet --hostname-override="$node_name" --node-ip="$node_ip"
  ensure kube-proxy "$bin/kube-proxy" --config="$state/config/kube-proxy.yaml" --hostname-override="$node_name"
}

# What the API server says may date from before a crash: the kubelet must have reported since it started.
node_is_ready() {
  local status reported
  read -r status reported < <(kubectl get node "$node_name" \
    -o jsonpath='{range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{"\n"}{end}') || return 1
  [[ $status == True ]] && (($(date --date "$reported" +%s) >= $(stat --format %Y "$run/kubelet.pid")))
}

# Asked through its Service, so this also says that kube-proxy has done its work.
dns_is_available() {
  [[ $(kubectl --namespace kube-system get deployment coredns -o jsonpath='{.status.availableReplicas}') == 1 ]] &&
    timeout 1 bash -c "exec 3<>/dev/tcp/$dns_service_ip/53"
}
