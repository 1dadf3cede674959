# etcd, API server, controller manager and scheduler: ordinary processes of the host, so that the API server also
# reaches a webhook that a test serves on 127.0.0.1.

start_etcd() {
  local sync=()
  [[ $unsafe_no_fsync == no ]] || sync=(--unsafe-no-fsync)
  ensure etcd "$bin/etcd" --name=etcd --data-dir="$state/etcd" --log-level=warn "${sync[@]}" \
    --listen-client-urls="http://127.0.0.1:$etcd_port" --advertise-client-urls="http://127.0.0.1:$etcd_port" \
    --listen-peer-urls="http://127.0.0.1:$etcd_peer_port" --initial-advertise-peer-urls="http://127.0.0.1:$etcd_peer_port" \
    --initial-cluster="etcd=http://127.0.0.1:$etcd_peer_port"
}

# With a node, pods come in by the veth, so the server listens on all addresses and says it is at the veth's host end.
# Without one it stays on loopback, which must not be published as an endpoint.
api_server_address() {
  if [[ $mode == full ]]; then
    echo "--bind-address=0.0.0.0 --advertise-address=$host_ip"
  else
    echo "--bind-address=127.0.0.1 --advertise-address=127.0.0.1 --endpoint-reconciler-type=none"
  fi
}

start_api_server() {
  local address
  read -ra address < <(api_server_address)
  ensure kube-apiserver "$bin/kube-apiserver" "${address[@]}" --secure-port="$api_port" \
    --etcd-servers="http://127.0.0.1:$etcd_port" --service-cluster-ip-range="$service_range" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged --profiling=false \
    --tls-cert-file="$pki/kube-apiserver.crt" --tls-private-key-file="$pki/kube-apiserver.key" --client-ca-file="$pki/ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/service-accounts.pub" \
    --service-account-signing-key-file="$pki/service-accounts.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-client-certificate="$pki/kube-apiserver-kubelet-client.crt" \
    --kubelet-client-key="$pki/kube-apiserver-kubelet-client.key" --kubelet-preferred-address-types=InternalIP \
    --proxy-client-cert-file="$pki/front-proxy-client.crt" --proxy-client-key-file="$pki/front-proxy-client.key" \
    --requestheader-client-ca-file="$pki/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra-
  wait_for_component kube-apiserver 60 api_server_is_ready
}

api_server_is_ready() {
  curl --silent --fail --max-time 2 --noproxy '*' --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" \
    "https://127.0.0.1:$api_port/readyz" >/dev/null
}

start_controllers() {
  [[ -x $bin/kube-controller-manager ]] || return 0
  ensure kube-controller-manager "$bin/kube-controller-manager" --kubeconfig="$pki/kube-controller-manager.kubeconfig" \
    --bind-address=127.0.0.1 --secure-port="$controller_manager_port" --leader-elect=false --use-service-account-credentials \
    --service-account-private-key-file="$pki/service-accounts.key" --root-ca-file="$pki/ca.crt" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" --profiling=false
  ensure kube-scheduler "$bin/kube-scheduler" --kubeconfig="$pki/kube-scheduler.kubeconfig" \
    --bind-address=127.0.0.1 --secure-port="$scheduler_port" --leader-elect=false --profiling=false
}

start_control_plane() {
  start_etcd
  start_api_server
  start_controllers
}
