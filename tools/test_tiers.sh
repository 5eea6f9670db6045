#!/usr/bin/env bash
# Runs the Python tests with pools that compile nothing, and with pools that
# compile every kernel at its first call or raise. The plain run leaves it to the
# number of items. What does not depend on that default is left out.
#
#   tools/test_tiers.sh [PYTEST-ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."

for tier in off require; do
    echo "Python tests with MOONPOOL_NATIVE=$tier"
    MOONPOOL_NATIVE=$tier .venv/bin/python -m pytest \
        --ignore=tests/python/test_attacks_semantics.py \
        --ignore=tests/python/test_bench.py \
        --ignore=tests/python/test_demo.py \
        --ignore=tests/python/test_llvm.py \
        --ignore-glob='tests/python/test_native_*.py' \
        "$@"
done
