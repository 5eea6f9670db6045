#!/bin/sh
# Checks what a compiler cannot: which folder may include what, and the few
# rules on C sources that grep can see. Prints each breach; exits 1 on any.
#
#   tests/layering.sh [ROOT]
set -u
cd "${1:-.}" || exit 2
breaches=0

# breach RULE: reports the lines on standard input, if any, as breaches.
breach() {
    found=$(cat)
    [ -z "$found" ] && return
    printf '%s:\n%s\n\n' "$1" "$found"
    breaches=$((breaches + 1))
}

# sources FOLDER...: the C files below those folders that exist.
sources() {
    for folder in "$@"; do
        [ -d "$folder" ] && find "$folder" -name '*.[ch]'
    done
    return 0
}

# lines PATTERN FOLDER...: the lines that match the extended pattern.
lines() {
    pattern=$1
    shift
    sources "$@" | sort | xargs -r grep -nHE "$pattern"
}

core='src/core src/buffer src/pool src/native'
include='^[[:space:]]*#[[:space:]]*include[[:space:]]*'

# Dependencies point one way: core <- buffer <- {pool, native} <- bridge.
only() {
    folder=$1
    allowed=$2
    lines "$include\"" "$folder" |
        grep -vE "include[[:space:]]*\"(moonpool\\.h|($allowed)/[^\"]+)\"" |
        breach "$folder may include \"moonpool.h\" and \"($allowed)/...\" only"
}
only src/core 'core'
only src/buffer 'core|buffer'
only src/pool 'core|buffer|pool'
only src/native 'core|buffer|native'
only src/bridge 'core|buffer|pool|native|bridge'

lines "$include<Python\\.h>" $core include |
    breach 'Python.h belongs in src/bridge and python/ext only'

lines "$include<(lua|lauxlib|lualib)\\.h>" src/native include |
    grep -v '^src/native/bytecode\.[ch]:' |
    breach 'lua.h belongs to the bytecode reader only in src/native'

lines "$include<(lua|lauxlib|lualib)\\.h>" python/ext |
    breach 'python/ext reaches Lua through moonpool_core only'

lines "$include<(pthread|stdatomic)\\.h>" src/buffer |
    breach 'threads do not meet in src/buffer'

lines '(^|[^_[:alnum:].>])(abort|exit|_exit|printf|fprintf|puts|perror)[[:space:]]*\(' \
    $core | grep -vE ':[[:space:]]*(/?\*|//)|__attribute__' |
    breach 'a library neither prints nor ends the process'

lines 'TODO|FIXME|XXX' src include python/ext tests bench |
    breach 'unfinished work belongs in an issue'

for file in $(sources src include python/ext tests | sort); do
    length=$(wc -l <"$file")
    [ "$length" -le 800 ] || echo "$file: $length lines"
done | breach 'a file of more than 800 lines has more than one noun'

[ "$breaches" -eq 0 ]
