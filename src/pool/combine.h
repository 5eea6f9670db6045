/* Combining the partial results of a reduction, in an order that depends on
 * their number alone. */
#ifndef MP_POOL_COMBINE_H
#define MP_POOL_COMBINE_H

#include "moonpool.h"

/* Whether `how` is an operator, so that no Lua is needed. */
bool mp__combine_is_operator(mp_combine how);

/* a + b and so on, as Lua computes them: integers wrap around, mixed operands
 * are floats, min and max are math.min(a, b) and math.max(a, b). MP_TYPE
 * where an operand is no number. */
mp_status mp__combine_apply(mp_combine how, mp_value a, mp_value b,
                            mp_value *out, mp_error *err);

/* Combines `count` groups of `naccs` values, element by element, into the
 * first: neighbours first, then neighbours of the results, and so on. */
mp_status mp__combine_tree(mp_combine how, mp_value *values, int64_t count,
                           int naccs, mp_error *err);

/* The same for `count` rows of `width` numbers of one kind: the first row has
 * the result, and the others are overwritten. */
void mp__combine_doubles(mp_combine how, double *rows, int64_t count,
                         int64_t width);
void mp__combine_ints(mp_combine how, int64_t *rows, int64_t count,
                      int64_t width);

#endif
