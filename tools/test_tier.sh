#!/usr/bin/env bash
# Runs the Python tests with pools that compile nothing, or with pools that
# compile every kernel at its first call or raise. The plain run leaves it to the
# number of items. What does not depend on that default is left out.
#
#   tools/test_tier.sh off|require [PYTEST-ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
readonly tier=$1
shift

echo "Python tests with MOONPOOL_NATIVE=$tier"
MOONPOOL_NATIVE=$tier exec .venv/bin/python -m pytest -p no:cacheprovider \
    --ignore=tests/python/test_attacks_semantics.py \
    --ignore=tests/python/test_bench.py \
    --ignore=tests/python/test_demo.py \
    --ignore=tests/python/test_llvm.py \
    --ignore-glob='tests/python/test_native_*.py' \
    "$@"
