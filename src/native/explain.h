/* Explanations: what became of each line of a kernel, beside the line.
 *
 *      3 uniform |   for n = 0, limit - 1 do
 *                |   ^ a loop that goes on while an item is left, under a mask
 *      4 varying |     local xx, yy = zx * zx, zy * zy
 *
 * A line is "uniform" where all that it computes is computed once for all items
 * of a vector, "linear" where some of it are integers that are so far apart
 * from item to item that the first one tells them all, and "varying" where some
 * of it is computed for each item, in a lane of its own. */
#ifndef MP_NATIVE_EXPLAIN_H
#define MP_NATIVE_EXPLAIN_H

#include <stdio.h>

#include "native/ir.h"

typedef struct mp_explain mp_explain;

/* What is to be told later of a kernel, in the unit's memory. */
mp_explain *mp__explain_new(mp_unit *unit, const mp_kernel *kernel,
                            const mp_closure *closure);

/* Take notes of a function, after the passes of these names. */
void mp__explain_inferred(mp_explain *explain, const mp_func *func);
void mp__explain_diverged(mp_explain *explain, const mp_func *func);

/* Writes the listing, for the same function after `mask`. */
void mp__explain_print(mp_explain *explain, const mp_func *func, FILE *to);

#endif
