#!/usr/bin/env bash
# Where is a parcel? Asks Waybill's POST /v1/track and prints the status, then what happened, newest first.
#
#   export WAYBILL_URL=http://127.0.0.1:8080 WAYBILL_TOKEN=...
#   ./track.sh yuantong YT7450353838751
#   WAYBILL_PHONE=13800008000 ./track.sh shunfeng SF7444700499701
#
# Needs curl and jq: a shell cannot read or write JSON by itself, and what is cut out of it by sed is wrong one day.
# Exit codes: 0 shown, 2 called wrongly, 3 refused, 4 the token is not accepted, 5 not available now: come back later.
set -euo pipefail

tries=4
backoff_ms=500
longest_wait=30 # seconds; nobody sits before a command for longer

url=${WAYBILL_URL:-http://127.0.0.1:8080}
url=${url%/}
token=${WAYBILL_TOKEN:-}
timeout=${WAYBILL_TIMEOUT:-20}
if [[ $# -ne 2 || -z $token || ! $url =~ ^https?:// || ! $timeout =~ ^[0-9]+$ ]]; then
  cat >&2 <<'USAGE'
usage: track.sh COURIER NUMBER
environment: WAYBILL_TOKEN, WAYBILL_URL (http://127.0.0.1:8080), WAYBILL_PHONE (none), WAYBILL_TIMEOUT (20, seconds)
USAGE
  exit 2
fi

work=$(mktemp -d) # for its owner's eyes only
trap 'rm -rf "$work"' EXIT

# The phone reaches jq by the environment, and token and body reach curl by pipes: the arguments of a running command can be read
# by every user of the machine.
wanted=$(jq -n --arg courier "$1" --arg number "$2" \
  '{expCode: $courier, expNo: $number} + if env.WAYBILL_PHONE // "" != "" then {phone: env.WAYBILL_PHONE} else {} end')

# One request. Sets status (000 without an answer) and retry_after, and leaves the answer in $work.
ask() {
  : >"$work/headers" >"$work/body"
  status=$(curl --silent --show-error --max-time "$timeout" \
    --header @<(printf 'Authorization: Bearer %s\nContent-Type: application/json\n' "$token") \
    --data-binary @<(printf '%s' "$wanted") \
    --dump-header "$work/headers" --output "$work/body" --write-out '%{http_code}' \
    "$url/v1/track" 2>"$work/error") || status=000
  # Waybill sends seconds, never a date.
  retry_after=$(tr -d '\r' <"$work/headers" | sed -nE 's/^retry-after: *([0-9]{1,6})$/\1/Ip' | tail -n 1)
  retry_after=$((10#${retry_after:-0}))
}

# "CODE: message" of what went wrong. The gateway, which looks at the token, has another envelope than this route.
trouble() {
  if [[ $status == 000 ]]; then
    printf 'NETWORK: %s\n' "$(<"$work/error")"
  else
    jq -nr 'input | (.error // .) | "\(.code_reason // .code // error): \(.message // error)"' "$work/body" 2>/dev/null ||
      printf "HTTP_%s: The answer is not Waybill's.\n" "$status"
  fi
}

# curl's own --retry would do without chance, so that all who were refused together come back together.
for ((try = 1; ; try++)); do
  ask
  # Read as a whole before anything is shown: half an answer is none. (`input`, since jq takes an empty one for no failure.)
  if [[ $status == 200 ]] && shown=$(jq -nr 'input | if .code == "SUCCESS" then .data else error end
      | "\(.status): \(.statusDesc)", (.traces[] | "\(.time)  \(.desc)")' "$work/body" 2>/dev/null); then
    printf '%s\n' "$shown"
    exit 0
  fi
  case $status in
    000 | 200 | 429 | 5??) exit_code=5 ;;
    401 | 403) exit_code=4 ;;
    *) exit_code=3 ;;
  esac
  message=$(trouble)
  if ((retry_after > longest_wait)); then
    printf '%s Come back in %d s.\n' "$message" "$retry_after" >&2
    exit "$exit_code"
  fi
  # What may pass by itself is asked again, which is safe, since asking changes nothing.
  if ((exit_code != 5 || try == tries)); then
    printf '%s\n' "$message" >&2
    exit "$exit_code"
  fi
  # Never sooner than we were told.
  wait_ms=$((retry_after * 1000 + backoff_ms / 2 + RANDOM % (backoff_ms / 2)))
  wait=$(printf '%d.%03d' $((wait_ms / 1000)) $((wait_ms % 1000)))
  printf '%s Asking again in %s s.\n' "$message" "${wait%??}" >&2
  sleep "$wait"
  backoff_ms=$((backoff_ms * 2))
done
