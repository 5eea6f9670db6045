/* Listings of prototypes, for people. */
#ifndef MP_NATIVE_PROTO_PRINT_H
#define MP_NATIVE_PROTO_PRINT_H

#include <stdio.h>

#include "native/proto.h"

/* Writes the prototype and those inside it: for each instruction its number
 * from 1, its line, its name and fields, and what constants, upvalues and
 * jumps mean. As with luac -l, constant k is shown as -1 - k. */
void mp__proto_print(const mp_proto *proto, FILE *to);

#endif
