# What the user sees: one line per step with the seconds since the start, and how the scripts wait and fail.

started_at=$EPOCHREALTIME

elapsed() {
  printf '%5.1fs' "$(awk "BEGIN {print $EPOCHREALTIME - $started_at}")"
}

say() {
  printf '%s  %s\n' "$(elapsed)" "$*"
}

fail() {
  printf '%s  error: %s\n' "$(elapsed)" "$*" >&2
  exit 1
}

# wait_until SECONDS WHAT COMMAND... - polls COMMAND; fails, naming WHAT, when the time is over.
wait_until() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "$what did not happen within $seconds s; the logs are in $logs"
    sleep 0.1
  done
}

# with_progress WHAT LOG COMMAND... - runs COMMAND, output to LOG, with a line every 30 s so that nobody thinks it hangs.
with_progress() {
  local what=$1 log=$2 pid ticks=0
  shift 2
  "$@" >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    ((++ticks % 60 == 0)) && say "  ... still $what"
  done
  wait "$pid" || {
    tail -n 20 "$log" >&2
    fail "$what failed; everything it said is in $log"
  }
}
