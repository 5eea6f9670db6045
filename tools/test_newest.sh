#!/usr/bin/env bash
# Runs the Python tests with the same abi3 wheel on the newest CPython at hand,
# if that is another one than .venv has.
#
#   tools/test_newest.sh WHEEL [PYTEST-ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
readonly wheel=$1 directory=build/newest
shift

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

newest=$(tools/python.sh newest)
here=$(version .venv/bin/python)
there=$(version "$newest")
if [[ $there == "$here" ]]; then
    echo "there is no newer CPython than $here here: tests on one skipped"
    exit 0
fi

# Rebuilt when the interpreter or the list of packages changes.
stamp=$directory/.stamp
if [[ ! -e $stamp || pyproject.toml -nt $stamp || $(<"$stamp") != "$newest" ]]; then
    rm -rf "$directory"
    tools/venv.sh "$directory" "$newest" test
    echo "$newest" >"$stamp"
fi
"$directory/bin/python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
echo "Python tests on CPython $there"
# What compiled code computes does not depend on CPython: of the tests of that,
# those of kernels at random stand for all, and those of stops and errors are here.
MOONPOOL_KERNELS=500 "$directory/bin/python" -m pytest \
    --ignore=tests/python/test_native_bounds.py \
    --ignore=tests/python/test_native_core.py \
    --ignore=tests/python/test_native_isas.py \
    --ignore=tests/python/test_native_large.py \
    --ignore=tests/python/test_native_reduce.py \
    --ignore=tests/python/test_native_rows.py \
    --ignore=tests/python/test_native_single.py \
    --ignore=tests/python/test_native_small.py \
    --ignore=tests/python/test_native_tables.py \
    "$@"
