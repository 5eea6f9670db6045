#!/usr/bin/env bash
# Makes sure that the system has what a target of the Makefile needs: installs
# it when run by root on a Debian-like system, else prints the one command that
# does and fails. When nothing is missing it takes a moment and says nothing.
#
#   tools/setup.sh build|test|lint|bench
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()

# need PACKAGE COMMAND...: PACKAGE is missing unless COMMAND succeeds.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

# Whether a C header is found through a pkg-config module.
module() {
    command -v pkg-config && pkg-config --exists "$1"
}

cmake_works() {
    local version
    version=$(cmake --version | awk 'NR == 1 { print $3 }') &&
        printf '3.25\n%s\n' "$version" | sort -V -C
}

cmake_or_apt() {
    # One that is too old to be used is made up for in the environment of
    # Python packages; asking for the system's again would not help.
    cmake_works || [[ -x /usr/bin/cmake ]]
}

ninja_or_apt() {
    ninja --version || [[ -x /usr/bin/ninja ]]
}

python_has_venv() {
    "$python" -c 'import venv, ensurepip'
}

python_has_headers() {
    "$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

needs_build() {
    need gcc gcc --version
    need libc6-dev test -e /usr/include/stdio.h
    need pkg-config command -v pkg-config
    need cmake cmake_or_apt
    need ninja-build ninja_or_apt
    need liblua5.3-dev module lua5.3
    python=$(tools/python.sh default) || true
    need python3 test -n "$python"
    need python3-venv python_has_venv
    need python3-dev python_has_headers
}

needs_test() {
    needs_lint
    needs_bench
}

needs_lint() {
    needs_build
    # The compile commands that clang-tidy reads are those of the tests too.
    need libcmocka-dev module cmocka
    need clang clang --version
    need clang-format clang-format --version
    need clang-tidy clang-tidy --version
}

needs_bench() {
    needs_build
    need g++ g++ --version
    need libbenchmark-dev test -e /usr/include/benchmark/benchmark.h
}

case ${1:-} in
build | test | lint | bench) "needs_$1" ;;
*)
    echo "usage: tools/setup.sh build|test|lint|bench" >&2
    exit 2
    ;;
esac
[[ ${#missing[@]} -gt 0 ]] || exit 0

mapfile -t packages < <(printf '%s\n' "${missing[@]}" | sort -u)
install="apt-get install -y --no-install-recommends ${packages[*]}"
if ! command -v apt-get >/dev/null; then
    echo "moonpool needs what Debian calls: ${packages[*]}" >&2
    exit 1
fi
if [[ $(id -u) -ne 0 ]]; then
    echo "moonpool needs a few system packages; run this and try again:" >&2
    echo "    sudo sh -c 'apt-get update && $install'" >&2
    exit 1
fi
echo "installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
$install -qq >/dev/null

# What is missing still cannot be had from the distribution.
missing=()
hash -r
"needs_$1"
if [[ ${#missing[@]} -gt 0 ]]; then
    echo "moonpool still cannot use: ${missing[*]}" >&2
    echo "(is another python3, cmake or compiler first on the PATH?)" >&2
    exit 1
fi
