#!/usr/bin/env bash
# Runs commands side by side, as many as there are processors, in the order that
# is given: the long ones first. What each prints follows in one piece when it is
# done. Fails if one of them fails, after all.
#
#   tools/legs.sh COMMAND...
set -euo pipefail
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
declare -A running=()
failed=0

finish_one() {
    local pid status=0
    wait -n -p pid "${!running[@]}" || status=$?
    echo "---- ${running[$pid]}"
    cat "$logs/$pid"
    if ((status != 0)); then
        echo "---- failed: ${running[$pid]}"
        failed=1
    fi
    unset "running[$pid]"
}

for command; do
    while ((${#running[@]} >= $(nproc))); do
        finish_one
    done
    # The log is named after the process, which knows its own number.
    logs=$logs bash -c 'exec >"$logs/$$" 2>&1; exec bash -c "$1"' - "$command" &
    running[$!]=$command
done
while ((${#running[@]} > 0)); do
    finish_one
done
exit "$failed"
