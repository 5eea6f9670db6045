/* Constants: what a kernel finds in its upvalues, globals and constants, as
 * it was when its chunk had run. */
#ifndef MP_NATIVE_CONSTANT_H
#define MP_NATIVE_CONSTANT_H

#include <stdint.h>

#include "native/builtin.h"
#include "native/proto.h"

typedef enum mp_constant_kind {
    MP_CONST_NIL,
    MP_CONST_BOOL,
    MP_CONST_INT,
    MP_CONST_FLOAT,
    MP_CONST_STRING,
    MP_CONST_BUILTIN, /* a function of a library that compiles */
    MP_CONST_CLOSURE, /* a Lua function */
    MP_CONST_TABLE,
    MP_CONST_OWN,    /* a table made in the kernel; an mp_own (native/ir.h) */
    MP_CONST_MADE,   /* a string made in the kernel, of up to `as.i` bytes */
    MP_CONST_OPAQUE, /* anything else; `name` says what */
} mp_constant_kind;

typedef struct mp_constant mp_constant;

/* A Lua function with what its upvalues hold. */
typedef struct mp_closure {
    const mp_proto *proto;
    mp_constant **upvalues;       /* proto->nupvalues of them */
    const struct mp_table *setup; /* of the kernel itself: the globals that the
                                     pool's setup has defined, or NULL */
} mp_closure;

typedef struct mp_field {
    const char *key; /* a string key */
    mp_constant *value;
} mp_field;

typedef struct mp_table {
    int nitems; /* values at 1 to nitems, none nil */
    mp_constant **items;
    int nfields;
    mp_field *fields;
    const struct mp_table *beyond; /* where __index leads, or NULL */
    bool odd; /* has other keys, or a metatable that matters */
} mp_table;

struct mp_constant {
    mp_constant_kind kind;
    const char *name; /* "math.sin", "print", "userdata"; or NULL */
    union {
        bool b;
        int64_t i;
        double f;
        const char *s;
        mp_builtin builtin;
        mp_closure *closure;
        mp_table *table;
    } as;
};

#endif
