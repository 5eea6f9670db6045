/* Facts: what is known of a value before the kernel runs. */
#ifndef MP_NATIVE_FACT_H
#define MP_NATIVE_FACT_H

#include <stdbool.h>
#include <stdint.h>

#include "moonpool.h"

/* What a value may be; bits, since it may be one thing on one path and
 * another on the next. None: the code that makes it never runs. */
typedef enum mp_may {
    MP_MAY_NIL = 1,
    MP_MAY_FALSE = 2,
    MP_MAY_TRUE = 4,
    MP_MAY_INT = 8,
    MP_MAY_FLOAT = 16,
    MP_MAY_ARRAY = 32,
    MP_MAY_REF = 64, /* a function, a string or a table */
    MP_MAY_BOOL = MP_MAY_FALSE | MP_MAY_TRUE,
    MP_MAY_NUMBER = MP_MAY_INT | MP_MAY_FLOAT,
} mp_may;

typedef struct mp_fact {
    unsigned may;
    int64_t low, high; /* of the integers that it may be; low > high: none */
    bool exact;        /* those become floats without being rounded */
} mp_fact;

mp_fact mp__fact_none(void);
mp_fact mp__fact_of(unsigned may); /* any integer, where it may be one */
mp_fact mp__fact_bool(bool value);
mp_fact mp__fact_ints(int64_t low, int64_t high);

/* A value that is one or the other. */
mp_fact mp__fact_join(mp_fact a, mp_fact b);
bool mp__fact_equal(mp_fact a, mp_fact b);
/* `now` has grown from `old`, and may go on in small steps: the same with
 * bounds that are reached in a few. */
mp_fact mp__fact_widen(mp_fact old, mp_fact now);

/* Whether it can only be of these kinds, and of at least one. */
bool mp__fact_only(mp_fact fact, unsigned may);
/* Whether it is an integer in a range, if an integer at all. */
bool mp__fact_within(mp_fact fact, int64_t low, int64_t high);

/* The integers that an operation makes of integers; they wrap as Lua's do. */
mp_fact mp__fact_add(mp_fact a, mp_fact b);
mp_fact mp__fact_sub(mp_fact a, mp_fact b);
mp_fact mp__fact_mul(mp_fact a, mp_fact b);
mp_fact mp__fact_idiv(mp_fact a, mp_fact b);
mp_fact mp__fact_mod(mp_fact a, mp_fact b);
mp_fact mp__fact_fmod(mp_fact a, mp_fact b);
mp_fact mp__fact_abs(mp_fact a);
mp_fact mp__fact_band(mp_fact a, mp_fact b);
mp_fact mp__fact_shr(mp_fact a, mp_fact b);

/* What comparing integers can give: MP_MAY_BOOL or one half of it. */
unsigned mp__fact_less(mp_fact a, mp_fact b, bool or_equal);
unsigned mp__fact_same(mp_fact a, mp_fact b);

/* What is read from elements of a dtype. */
mp_fact mp__fact_dtype(mp_dtype dtype);

#endif
