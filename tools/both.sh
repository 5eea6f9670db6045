#!/usr/bin/env bash
# Runs two commands at once, since the Python tests keep one core busy each. What
# the second one prints follows when both are done.
#
#   tools/both.sh COMMAND COMMAND
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
bash -c "$2" >"$log" 2>&1 &
failed=0
bash -c "$1" || failed=1
wait $! || failed=1
cat "$log"
exit "$failed"
