#!/usr/bin/env bash
# Makes a virtual environment where there is none that works, and installs
# dependency groups of pyproject.toml into it.
#
#   tools/venv.sh DIRECTORY PYTHON GROUP...
set -euo pipefail
cd "$(dirname "$0")/.."
readonly directory=$1 python=$2
shift 2
export PIP_DISABLE_PIP_VERSION_CHECK=1

if ! "$directory/bin/python" -m pip --version >/dev/null 2>&1; then
    echo "making $directory with $("$python" --version)"
    rm -rf "$directory"
    "$python" -m venv "$directory"
    # The first pip that reads dependency groups.
    "$directory/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
fi

groups=()
for group in "$@"; do
    groups+=(--group "$group")
done
echo "installing Python packages into $directory: $*"
"$directory/bin/python" -m pip install --quiet --prefer-binary "${groups[@]}"

# A CMake or Ninja that is too old, or a shim in front of none, is made up for.
if [[ " $* " == *" build "* ]]; then
    version=$(cmake --version 2>/dev/null | awk 'NR == 1 { print $3 }') || true
    if ! printf '3.25\n%s\n' "${version:-0}" | sort -V -C; then
        "$directory/bin/python" -m pip install --quiet 'cmake>=3.25'
    fi
    if ! ninja --version >/dev/null 2>&1; then
        "$directory/bin/python" -m pip install --quiet ninja
    fi
fi
