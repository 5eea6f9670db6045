/* Small maps whose operands all lie in a row of memory, described in few bytes:
 * without a loop over dimensions, and without allocating anything. */
#ifndef MP_POOL_ROW_H
#define MP_POOL_ROW_H

#include "native/spec.h"

/* Arrays and values: each has a byte in the row's code. */
#define MP_ROW_OPERANDS 8
/* The most items. */
#define MP_ROW_ITEMS 65536

/* Begin with `count`, and zero in `code`, `noperands` and `nscalars`. */
typedef struct mp_row {
    int64_t count; /* of items */
    uint64_t code; /* what the operands are: equal for maps of equal specs */
    int noperands, nscalars;
    /* As mp_frame has them. */
    char *at[MP_ROW_OPERANDS];
    int64_t steps[MP_ROW_OPERANDS];
    uint64_t scalars[MP_ROW_OPERANDS];
} mp_row;

/* The number of elements, or 0 where there are none or too many. */
int64_t mp__row_count(const mp_view *view);

/* Lay the inputs along the elements of `whole`, and then the outputs, in C
 * order; false where they do not lie in a row, or are not what a map can have.
 * All of them are at most MP_ROW_OPERANDS. */
bool mp__row_inputs(mp_row *r, const mp_map_spec *from, const mp_view *whole);
bool mp__row_outputs(mp_row *r, const mp_map_spec *from);

/* Whether no output shares memory with another operand, but for inputs of which
 * each element is read just where its result is written: those set `*in_place`.
 */
bool mp__row_apart(const mp_row *r, const mp_map_spec *from, bool *in_place);

/* What code has to be compiled for: as a job finds it. */
void mp__row_describe(const mp_row *r, const mp_map_spec *from, mp_spec *spec);

#endif
