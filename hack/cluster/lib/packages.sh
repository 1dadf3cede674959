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

# A Go from 1.21 on fetches the toolchain that go.mod asks for; Debian's has that switched off.
require_go() {
  has go || PATH+=:$go_folder
  has go || install_go
  [[ $(oldest "$oldest_go" "$(go env GOVERSION)") == "$oldest_go" ]] || fail "lacking: $(go_advice); there is $(go env GOVERSION)"
  [[ -n ${GOTOOLCHAIN:-} ]] || export GOTOOLCHAIN=auto
}

go_folder=/usr/local/go/bin
oldest_go=go1.21

install_go() {
  local offered
  offered=$(apt-cache policy golang-go 2>/dev/null | sed -nE 's/ +Candidate: ([0-9]+:)?/go/p')
  [[ $EUID -eq 0 && $(oldest "$oldest_go" "${offered:-go0}") == "$oldest_go" ]] || fail "lacking: $(go_advice)"
  say "lacking: go; installed by: apt-get install --no-install-recommends golang-go"
  install_packages golang-go
}

go_advice() {
  local platform=amd64
  [[ $(uname -m) != aarch64 ]] || platform=arm64
  echo "Go 1.21 or later; installed by: curl --location https://go.dev/dl/go1.26.8.linux-$platform.tar.gz | tar --extract --gzip --directory /usr/local"
}

oldest() {
  printf '%s\n' "$@" | sort --version-sort | head -n 1
}
