# What the machine must have. Missing Debian packages are installed when we may; otherwise one line says what is
# lacking and the command that installs it.

has() {
  command -v "$1" >/dev/null || [[ -e $1 ]]
}

# require_packages COMMAND=PACKAGE... - COMMAND may also be the path of a file.
require_packages() {
  local pair missing=()
  for pair in "$@"; do
    has "${pair%%=*}" && continue
    say "lacking: ${pair%%=*}; installed by: apt-get install --no-install-recommends ${pair#*=}"
    missing+=("${pair#*=}")
  done
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}

install_packages() {
  [[ $EUID -eq 0 ]] && has apt-get || fail "install what is lacking (as root) and run this again"
  with_progress "updating the package lists" "$logs/apt.log" apt-get update
  with_progress "installing $*" "$logs/apt.log" without_starting_services \
    env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Debian starts a service when its package is installed, unless policy-rc.d says no; we run our own containerd.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  [[ -e $policy ]] && { "$@"; return; }
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  rm -f "$policy"
  return "$status"
}

require_go() {
  local version
  has go || fail "lacking: Go 1.25 or later; install it from https://go.dev/dl/ into /usr/local/go and put /usr/local/go/bin on the PATH"
  version=$(go env GOVERSION)
  [[ $(printf '%s\n' go1.21 "$version" | sort -V | head -n 1) == go1.21 ]] ||
    fail "Go is $version, too old to fetch the toolchain this needs; install 1.25 or later from https://go.dev/dl/"
}
