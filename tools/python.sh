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

candidates() {
    type -aP python3 || true
    local minor
    for minor in {11..30}; do
        type -aP "python3.$minor" || true
    done
    if command -v pyenv >/dev/null; then
        ls -d "$(pyenv root)"/versions/3.*/bin/python3 2>/dev/null || true
    fi
}

# The project's own environments come and go; they are not what is looked for.
usable() {
    local path
    candidates | grep -v -e "^$PWD/.venv/" -e "^$PWD/build/" |
        while read -r path; do
            "$path" -c "$probe" 2>/dev/null || true
        done
}

case ${1:-} in
default) found=$(usable | head -n 1) ;;
newest) found=$(usable | sort -n | tail -n 1) ;;
*)
    echo "usage: tools/python.sh default|newest" >&2
    exit 2
    ;;
esac
[[ -n $found ]] && echo "${found#* }"
