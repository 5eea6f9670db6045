/* What the parts of `scalar` share. */
#ifndef MP_NATIVE_SCALAR_H
#define MP_NATIVE_SCALAR_H

#include "native/ir.h"

/* A TGROW, with the length of its table after it: math.max(length, index). */
typedef struct mp_growth {
    mp_node *grow;
    mp_node *length;
} mp_growth;

/* Finds lengths that are known, and indices that are sure to be within them:
 * those of loops that fill a table. */
void mp__scalar_lengths(mp_func *func, int count, const mp_growth *growths);

#endif
