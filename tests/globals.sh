#!/bin/sh
# Checks that the library has no mutable variable of static storage, be it at
# file scope or inside a function: two pools must never meet.
#
#   tests/globals.sh OBJDUMP LIBRARY
set -eu
# Constants that hold addresses lie in .data.rel.ro, which is read-only once
# the program has been linked.
found=$("$1" -t "$2" |
    awk '/^[0-9a-f]/ && / O / && / (\.t?(data|bss)|\*COM\*)[^ ]*\t/ &&
         !/ \.data\.rel\.ro/ { print $NF }')
[ -z "$found" ] || {
    printf 'mutable variables of static storage:\n%s\n' "$found"
    exit 1
}
