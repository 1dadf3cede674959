# Kubernetes itself, built once per version from pinned Go modules into the cache outside the checkout.

components=(etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

build_key() {
  (cd "$here/kube" && cat go.mod go.sum */main.go && echo "$kubernetes_version") | sha256sum | cut -c 1-16
}

# Sets $built to the folder with the binaries `components`, `dns` and `pause`.
build_kubernetes() {
  built=$cache/kube/$(build_key)
  mkdir -p "$cache/kube"
  if [[ ! -x $built/components ]]; then
    require_go
    say "building Kubernetes $kubernetes_version from Go modules into $built (once per version: about 7 min on 2 cores, 0.8 GB of downloads)"
    exec 8>"$cache/kube/lock"
    flock --nonblock 8 || say "another checkout is building it already; waiting"
    flock 8
    [[ -x $built/components ]] || with_progress "building Kubernetes" "$logs/build.log" compile
    exec 8>&-
    say "built"
  fi
  link_components
}

compile() {
  local version=k8s.io/component-base/version building
  local minor=${kubernetes_version#v1.}
  rm -rf "$cache/kube"/building.*
  building=$(mktemp -d "$cache/kube/building.XXXXXX")
  # Without its version the API server says v0.0.0 and takes its feature gates for those of an ancient release.
  (cd "$here/kube" && CGO_ENABLED=0 go build -trimpath -o "$building/" -ldflags "-s -w \
    -X $version.gitVersion=$kubernetes_version -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*} \
    -X $version.gitTreeState=clean -X $version.buildDate=1970-01-01T00:00:00Z" ./...) || return 1
  mv "$building" "$built"
}

link_components() {
  local name
  for name in "${components[@]}"; do
    ln -sfn "$built/components" "$bin/$name"
  done
}

# KUBEBUILDER_ASSETS names a folder with etcd, kube-apiserver and kubectl: enough for a control plane without controllers.
use_prebuilt_assets() {
  local name
  for name in etcd kube-apiserver kubectl; do
    [[ -x ${KUBEBUILDER_ASSETS:-}/$name ]] || return 1
  done
  say "using etcd and kube-apiserver of $KUBEBUILDER_ASSETS; there are no controllers"
  for name in etcd kube-apiserver kubectl; do
    ln -sfn "$KUBEBUILDER_ASSETS/$name" "$bin/$name"
  done
}
