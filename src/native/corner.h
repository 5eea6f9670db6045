/* Corners: ranges of sums and products of several integers. */
#ifndef MP_NATIVE_CORNER_H
#define MP_NATIVE_CORNER_H

#include "native/fact.h"
#include "native/ir.h"

typedef struct mp_corners mp_corners;

/* The corners of a node that has none of its own: a variable of that range. */
mp_corners *mp__corner_variable(mp_unit *unit, const mp_node *node,
                                mp_fact range);

/* Those of an ADD, SUB or MUL, or NULL where these say nothing: too many
 * variables, one that is in both factors, or integers that overflow. */
mp_corners *mp__corner_of(mp_unit *unit, mp_op op, const mp_corners *a,
                          const mp_corners *b);

/* The least and the greatest value at any corner. */
mp_fact mp__corner_range(const mp_corners *corners);

#endif
