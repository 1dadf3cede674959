# The cluster's certificates and kubeconfigs, made once per cluster with openssl.

# issue_all - fills $pki in one go: a half-made folder from an interrupted run is thrown away.
issue_all() {
  [[ -d $pki ]] && return
  local making=$pki.new
  rm -rf "$making"
  install -d -m 700 "$making"
  (cd "$making" && issue_certificates) >"$logs/pki.log" 2>&1 || fail "making the cluster's certificates failed: $logs/pki.log"
  mv "$making" "$pki"
}

issue_certificates() {
  local node_names="DNS:$node_name,IP:$node_ip"
  local api_names="DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
  api_names+=",DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$api_service_ip,IP:$host_ip"
  make_ca ca
  make_ca front-proxy-ca
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out service-accounts.key
  openssl pkey -in service-accounts.key -pubout -out service-accounts.pub
  issue ca kube-apiserver /CN=kube-apiserver "serverAuth" "$api_names"
  issue ca kubelet-server "/CN=$node_name" "serverAuth" "$node_names"
  issue front-proxy-ca front-proxy-client /CN=front-proxy-client "clientAuth"
  issue ca admin /O=system:masters/CN=admin "clientAuth"
  issue ca kube-apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client "clientAuth"
  issue ca kube-controller-manager /CN=system:kube-controller-manager "clientAuth"
  issue ca kube-scheduler /CN=system:kube-scheduler "clientAuth"
  issue ca kubelet "/O=system:nodes/CN=system:node:$node_name" "clientAuth"
  issue ca kube-proxy /CN=system:kube-proxy "clientAuth"
}

make_ca() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=$1" \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$1.key" -out "$1.crt"
}

# issue CA NAME SUBJECT USAGE [NAMES]
issue() {
  local ca=$1 name=$2 subject=$3 usage=$4 names=${5:-}
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "$subject" -keyout "$name.key" -out "$name.csr"
  {
    echo "basicConstraints=critical,CA:FALSE"
    echo "keyUsage=critical,digitalSignature"
    echo "extendedKeyUsage=$usage"
    [[ -z $names ]] || echo "subjectAltName=$names"
  } >"$name.ext"
  openssl x509 -req -in "$name.csr" -CA "$ca.crt" -CAkey "$ca.key" -days 3650 -extfile "$name.ext" -out "$name.crt"
  rm "$name.csr" "$name.ext"
}

# write_kubeconfig NAME SERVER FILE - for the client certificate NAME.
write_kubeconfig() {
  local name=$1 server=$2 file=$3
  (
    umask 077
    cat >"$file.new" <<END
apiVersion: v1
kind: Config
clusters:
- name: tenant-mtls
  cluster: {server: "$server", certificate-authority-data: $(base64 -w 0 "$pki/ca.crt")}
users:
- name: $name
  user: {client-certificate-data: $(base64 -w 0 "$pki/$name.crt"), client-key-data: $(base64 -w 0 "$pki/$name.key")}
contexts:
- name: tenant-mtls
  context: {cluster: tenant-mtls, user: $name}
current-context: tenant-mtls
END
  )
  mv "$file.new" "$file"
}

write_kubeconfigs() {
  local name
  for name in kube-controller-manager kube-scheduler; do
    write_kubeconfig "$name" "https://127.0.0.1:$api_port" "$pki/$name.kubeconfig"
  done
  for name in kubelet kube-proxy; do
    write_kubeconfig "$name" "https://$host_ip:$api_port" "$pki/$name.kubeconfig"
  done
  write_kubeconfig admin "https://127.0.0.1:$api_port" "$state/kubeconfig"
}
