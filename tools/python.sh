#!/usr/bin/env bash
# Prints the path of a CPython >= 3.11 that works, or fails.
#
#   tools/python.sh default   the user's python3, or any other one
#   tools/python.sh newest    the newest one at hand, pyenv's among them
set -euo pipefail

# The version as a number that sorts, 311 for 3.11, where it can be used here:
# free-threaded builds have no limited API, and so no abi3 wheel.
readonly probe='
import sys, sysconfig
v = sys.version_info
if v < (3, 11) or v.releaselevel != "final" or sys.implementation.name != "cpython":
    sys.exit(1)
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit(1)
print(v[0] * 100 + v[1], sys.executable)'

# The project's own environments come and go; they are not what is looked for.
candidates() {
    local minor
    {
        type -aP python3 || true
        for minor in {11..30}; do
            type -aP "python3.$minor" || true
        done
        if command -v pyenv >/dev/null; then
            ls -d "$(pyenv root)"/versions/3.*/bin/python3 2>/dev/null || true
        fi
    } | grep -v -e "^$PWD/.venv/" -e "^$PWD/build/"
}

case ${1:-} in
default | newest) ;;
*)
    echo "usage: tools/python.sh default|newest" >&2
    exit 2
    ;;
esac

best=0
path=
while read -r candidate; do
    found=$("$candidate" -c "$probe" 2>/dev/null) || continue
    if [[ ${found%% *} -gt $best ]]; then
        best=${found%% *}
        path=${found#* }
    fi
    [[ $1 == newest ]] || break
done < <(candidates)
[[ -n $path ]] && echo "$path"
