/* Data: values that are known, and operations on them, which give exactly what
 * Lua 5.3 does. */
#ifndef MP_NATIVE_DATUM_H
#define MP_NATIVE_DATUM_H

#include "native/ir.h"

typedef struct mp_datum {
    mp_type type; /* BOOL, INT or FLOAT */
    union {
        bool b;
        int64_t i;
        double f;
    } as;
} mp_datum;

/* What a node of a function that has types gives for these arguments. False
 * where it fails, and for what depends on more than its arguments. */
bool mp__datum_apply(const mp_node *node, const mp_datum *args, mp_datum *out);

#endif
