// Part of the entrypoint: the include files with what differs from pod to pod. nginx.conf itself never depends on a pod.

/** Where nginx.conf, in conf/, finds what the entrypoint writes. */
export const POD_FILE = {
  modules: '../pod/modules.conf',
  listen: '../pod/listen.conf',
  statusListen: '../pod/status-listen.conf',
  app: '../pod/app.conf',
  resolver: '../pod/resolver.conf',
  generation: '../pod/generation.conf',
  probes: '../pod/probes.conf',
} as const;

export const POD_FILES_SCRIPT = String.raw`
has_ipv6() { [ -e /proc/net/if_inet6 ]; }

# $1: port, $2: parameters. All addresses of the pod.
listen() {
  echo "listen $1$2;"
  if has_ipv6; then echo "listen [::]:$1$2;"; fi
}

# Debian's nginx loads the stream module, others have it built in; and only a configuration with a TCP listener needs it.
write_modules() {
  : > "$1/pod/modules.conf"
  grep -q '^stream ' "$1/conf/nginx.conf" || return 0
  printf 'events {}\nstream {}\n' > "$run/tmp/stream.conf"
  nginx -t -q -p "$run/" -e stderr -c "$run/tmp/stream.conf" -g "pid $run/tmp/test.pid;" 2>/dev/null && return 0
  if [ -e "$stream_module" ]; then echo "load_module $stream_module;" > "$1/pod/modules.conf"; fi
}

# The pod's name servers and, since nginx knows no search list, its first search domain and the cluster's domain.
read_resolv_conf() {
  servers='' search='' cluster=''
  while read -r keyword value rest; do
    case "$keyword $value" in
      nameserver\ *[!0-9a-fA-F:.]*) ;;
      nameserver\ *:*) servers="$servers [$value]" ;;
      nameserver\ *) servers="$servers $value" ;;
      search\ *)
        search=$value
        for domain in $value $rest; do case "$domain" in svc.?*) cluster=$(expr "$domain" : 'svc\.\(.*\)') ;; esac; done ;;
    esac
  done < /etc/resolv.conf
}

# hello -> hello.<first search domain>, hello.shop.svc -> hello.shop.svc.<cluster domain>; other names are complete as they stand.
# Without IPv6 "all addresses" are those of IPv4: the second line of such a pair goes. An address of IPv6 that somebody asked for stays, and is refused.
# The verified nginx.conf stays beside the adapted one.
adapt_configuration() {
  set -- "$1" -e ''
  [ -z "$search" ] || set -- "$@" -e "s/^\( *server [a-z0-9-]*\)\(:[0-9]* resolve\)/\1.$search\2/"
  [ -z "$cluster" ] || set -- "$@" -e "s/^\( *server [a-z0-9.-]*\.svc\)\(:[0-9]* resolve\)/\1.$cluster\2/"
  has_ipv6 || set -- "$@" -e '/^ *listen [0-9]*[ ;]/{' -e n -e '/^ *listen \[::\]:/d' -e '}'
  directory=$1
  shift
  sed "$@" "$directory/conf/nginx.conf" > "$directory/conf/adapted.conf"
}

# $1: the candidate's directory, $2: what names it.
write_pod_files() {
  mkdir -p "$1/pod" &&
  write_modules "$1" &&
  read_resolv_conf &&
  case "$search$cluster" in *[!a-zA-Z0-9.-]*) search='' cluster='' ;; esac
  adapt_configuration "$1" &&
  listen "$listener_port" ' ssl' > "$1/pod/listen.conf" &&
  listen "$status_port" '' > "$1/pod/status-listen.conf" &&
  if [ -n "$app_port" ]; then echo "server 127.0.0.1:$app_port;"; else echo 'server 127.0.0.1:1 down;'; fi > "$1/pod/app.conf" &&
  if [ -n "$servers" ]; then echo "resolver$servers valid=10s;"; else echo 'resolver 127.0.0.1;'; fi > "$1/pod/resolver.conf" &&
  echo "return 200 '$2';" > "$1/pod/generation.conf" &&
  write_probes > "$1/pod/probes.conf"
}
`;
