/* Errors of the C library as Python exceptions. */
#ifndef MPY_ERRORS_H
#define MPY_ERRORS_H

#include "ext.h"

/* What the index in an error counts. */
typedef enum mpy_unit {
    MPY_UNIT_ELEMENT, /* an element, from 0 */
    MPY_UNIT_ITEM,    /* a call of pool.run(), by what the kernel got: from 1 */
} mpy_unit;

/* Sets the exception that `err` stands for. `shape`, which may be NULL, is
 * what the flat index in `err` runs over. */
void mpy_error_raise(mpy_state *state, const mp_error *err,
                     const mp_shape *shape, mpy_unit unit);

#endif
