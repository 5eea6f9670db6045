/* Prototypes: Lua 5.3 functions as bytecode, read from Lua's own dump of a
 * function that it has compiled from text. */
#ifndef MP_NATIVE_PROTO_H
#define MP_NATIVE_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "native/unit.h"

struct mp_constant;

typedef struct mp_upvalue {
    bool instack;     /* a register of the function around, else an upvalue */
    int index;        /* of that register or upvalue */
    const char *name; /* "" where unknown */
} mp_upvalue;

typedef struct mp_local {
    const char *name;
    int start, end; /* live from pc `start` to before `end` */
} mp_local;

/* In the unit's memory, fixed once read. */
typedef struct mp_proto {
    int line; /* where its definition begins, 0 for a chunk */
    int nparams;
    bool vararg;
    int nregisters;
    int ncode;
    uint32_t *code;
    int *lines; /* of each instruction; NULL where there are none */
    int nconstants;
    struct mp_constant *constants; /* nil, bool, int, float or string; OPAQUE
                                      are strings with a zero */
    int nupvalues;
    mp_upvalue *upvalues;
    int nprotos;
    struct mp_proto **protos;
    int nlocals;
    mp_local *locals;
} mp_proto;

/* Reads a dump in the format of Lua 5.3 on this machine. Refuses whatever is
 * not exactly that; never reads past `size`. */
mp_proto *mp__proto_read(mp_unit *unit, const char *dump, size_t size);

/* The line of the instruction at `pc`, or 0. */
static inline int mp_proto_line(const mp_proto *proto, int pc)
{
    return proto->lines != NULL ? proto->lines[pc] : 0;
}

/* The local variable in a register at an instruction, or its name; or NULL. */
const mp_local *mp__proto_find_local(const mp_proto *proto, int reg, int pc);
const char *mp__proto_local(const mp_proto *proto, int reg, int pc);

#endif
