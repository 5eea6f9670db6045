#!/usr/bin/env bash
# Runs commands side by side, as many as there are processors, in the order that
# is given: the long ones first. Those that begin with "nice" run one after the
# other beside them, with what the others leave. What each prints follows in one
# piece when it is done, what the last one prints after all else. Fails if one of
# them fails, after all, and says which.
#
#   tools/legs.sh COMMAND...
set -euo pipefail
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
readonly last=${!#}
declare -A running=()
declare -a waiting=("$@")
nice=0
declare -a failed=()
declare -a held=()

# Starts the first waiting command that there is room for, if there is one.
start_one() {
    local k command
    for k in "${!waiting[@]}"; do
        command=${waiting[$k]}
        if [[ $command == nice* ]]; then
            ((nice == 0)) || continue
            nice=1
        else
            ((${#running[@]} - nice < $(nproc))) || continue
        fi
        # The log is named after the process, which knows its own number.
        logs=$logs bash -c 'exec >"$logs/$$" 2>&1; exec bash -c "$1"' - "$command" &
        running[$!]=$command
        unset "waiting[$k]"
        return 0
    done
    return 1
}

show() {
    local command=$1 log=$2
    echo "---- $command"
    cat "$log"
}

finish_one() {
    local pid command status=0
    wait -n -p pid "${!running[@]}" || status=$?
    command=${running[$pid]}
    unset "running[$pid]"
    [[ $command == nice* ]] && nice=0
    ((status == 0)) || failed+=("$command")
    if [[ $command == "$last" ]]; then
        held=("$command" "$logs/$pid")
    else
        show "$command" "$logs/$pid"
    fi
}

while start_one; do :; done
while ((${#running[@]} > 0)); do
    finish_one
    while start_one; do :; done
done
show "${held[@]}"
((${#failed[@]} == 0)) || printf -- '---- failed: %s\n' "${failed[@]}"
exit "$((${#failed[@]} > 0))"
