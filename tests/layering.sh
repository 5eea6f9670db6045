#!/bin/sh
# Checks what a compiler cannot: which folder may include what, and the few
# rules on C sources that grep can see. Prints each breach; exits 1 on any.
#
#   tests/layering.sh [ROOT]
set -u
cd "${1:-.}" || exit 2

# breach RULE: prints the lines on standard input, if any, below the rule.
breach() {
    found=$(cat)
    [ -z "$found" ] || printf '%s:\n%s\n\n' "$1" "$found"
}

# sources FOLDER...: the C files below those folders that exist.
sources() {
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -name '*.[ch]'
    done | sort
}

# lines PATTERN FOLDER...: the lines of C that match the extended pattern.
lines() {
    pattern=$1
    shift
    sources "$@" | xargs -r grep -nHE "$pattern"
}

# only FOLDER ALLOWED: what FOLDER includes of the project's.
only() {
    lines "$include\"" "$1" |
        grep -vE "include[[:space:]]*\"(moonpool\\.h|($2)/[^\"]+)\"" |
        breach "$1 may include \"moonpool.h\" and \"($2)/...\" only"
}

include='^[[:space:]]*#[[:space:]]*include[[:space:]]*'
lua='<(lua|lauxlib|lualib|luaconf)\.h>'
core='src/core src/buffer src/pool src/native'

check() {
    # Dependencies point one way: core <- buffer <- native <- pool <- bridge.
    only src/core 'core'
    only src/buffer 'core|buffer'
    only src/pool 'core|buffer|native|pool'
    only src/native 'core|buffer|native'
    only src/bridge 'core|buffer|pool|native|bridge'

    lines "$include<Python\\.h>" $core include |
        breach 'Python.h belongs in src/bridge and python/ext only'
    lines "$include$lua" src/native include |
        grep -v '^src/native/reader\.[ch]:' |
        breach 'lua.h belongs to the reader only in src/native'
    lines "$include$lua" python/ext |
        breach 'python/ext reaches Lua through moonpool_core only'
    lines "$include<(pthread|stdatomic)\\.h>" src/buffer |
        breach 'threads do not meet in src/buffer'

    # Not after a letter, a dot or an arrow: those are other functions.
    calls='abort|exit|_exit|printf|fprintf|puts|perror'
    lines "(^|[^_[:alnum:].>])($calls)[[:space:]]*\\(" $core |
        grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/?\*|.*/\*.*('"$calls"'))' |
        grep -vE 'fprintf\(to,' | # A stream of the caller's.
        grep -vE '^src/native/ir_print\.c:.*(stderr|abort)' | # It asserts.
        breach 'a library neither prints nor ends the process'
    lines '(^|[^[:alnum:]])(TODO|FIXME|XXX)([^[:alnum:]]|$)' \
        src include python/ext tests bench |
        breach 'unfinished work belongs in an issue'

    sources src include python/ext tests | while read -r file; do
        length=$(wc -l <"$file")
        [ "$length" -le 800 ] || echo "$file: $length lines"
    done | breach 'a file of more than 800 lines has more than one noun'
}

breaches=$(check)
[ -z "$breaches" ] || {
    printf '%s\n' "$breaches"
    exit 1
}
