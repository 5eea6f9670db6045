#!/usr/bin/env bash
# Runs the Python tests with an extension that AddressSanitizer and
# UndefinedBehaviorSanitizer watch. CPython itself is not built for that: the
# runtime is preloaded, leaks are not looked for (CPython keeps much until its
# end), and every small object is a malloc() of its own, so that one too few
# bytes is seen.
#
#   tools/test_asan.sh SITE [PYTEST-ARGUMENT...]
#
# SITE is the directory that the extension was installed into.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly site=$1
shift

# libstdc++ belongs to it: extensions in C++ are loaded too late for the
# runtime to find the functions that throw.
preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so.6)"

export PYTHONPATH=$PWD/$site PYTHONMALLOC=malloc
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
export LD_PRELOAD=$preload
# The plain run makes many more.
export MOONPOOL_KERNELS=200
echo "Python tests under AddressSanitizer"
.venv/bin/python -c '
import moonpool._core, os, sys
sys.exit(not moonpool._core.__file__.startswith(os.environ["PYTHONPATH"]))'
# pytest's own handler would take the place of the sanitizer's report. Left out is
# what runs in other processes for the most part, or is about texts.
exec .venv/bin/python -m pytest -p no:faulthandler -p no:cacheprovider \
    --ignore=tests/python/test_bench.py \
    --ignore=tests/python/test_demo.py \
    --ignore=tests/python/test_docs.py \
    -m "not slow_asan" "$@"
