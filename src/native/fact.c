/* Facts: kinds of values, and ranges of integers. */
#include "native/fact.h"

/* All integers up to it are floats. */
#define EXACT (INT64_C(1) << 53)

mp_fact mp__fact_none(void)
{
    return (mp_fact){.low = INT64_MAX, .high = INT64_MIN, .exact = true};
}

mp_fact mp__fact_ints(int64_t low, int64_t high)
{
    return (mp_fact){
        .may = MP_MAY_INT,
        .low = low,
        .high = high,
        .exact = low >= -EXACT && high <= EXACT,
    };
}

static mp_fact any_int(void)
{
    return mp__fact_ints(INT64_MIN, INT64_MAX);
}

mp_fact mp__fact_of(unsigned may)
{
    mp_fact fact = may & MP_MAY_INT ? any_int() : mp__fact_none();
    fact.may = may;
    return fact;
}

mp_fact mp__fact_bool(bool value)
{
    return mp__fact_of(value ? MP_MAY_TRUE : MP_MAY_FALSE);
}

mp_fact mp__fact_join(mp_fact a, mp_fact b)
{
    return (mp_fact){
        .may = a.may | b.may,
        .low = a.low < b.low ? a.low : b.low,
        .high = a.high > b.high ? a.high : b.high,
        .exact = a.exact && b.exact,
    };
}

bool mp__fact_equal(mp_fact a, mp_fact b)
{
    return a.may == b.may && a.low == b.low && a.high == b.high &&
           a.exact == b.exact;
}

/* Bounds stop where a fact about an int32, an index or an exact float would
 * be lost. */
mp_fact mp__fact_widen(mp_fact old, mp_fact now)
{
    static const int64_t highs[] = {0, INT32_MAX, EXACT, INT64_MAX};
    static const int64_t lows[] = {0, INT32_MIN, -EXACT, INT64_MIN};
    int k = 0;
    if (old.low > old.high)
        return now;
    if (now.high > old.high) {
        while (highs[k] < now.high)
            k++;
        now.high = highs[k];
    }
    if (now.low < old.low) {
        for (k = 0; lows[k] > now.low;)
            k++;
        now.low = lows[k];
    }
    return now;
}

bool mp__fact_only(mp_fact fact, unsigned may)
{
    return fact.may != 0 && (fact.may & ~may) == 0;
}

bool mp__fact_within(mp_fact fact, int64_t low, int64_t high)
{
    return fact.low > fact.high || (fact.low >= low && fact.high <= high);
}

/* ---- arithmetic --------------------------------------------------------- */

static bool is_empty(mp_fact a)
{
    return a.low > a.high;
}

mp_fact mp__fact_add(mp_fact a, mp_fact b)
{
    int64_t low, high;
    if (is_empty(a) || is_empty(b))
        return mp__fact_none();
    if (__builtin_add_overflow(a.low, b.low, &low) ||
        __builtin_add_overflow(a.high, b.high, &high))
        return any_int();
    return mp__fact_ints(low, high);
}

mp_fact mp__fact_sub(mp_fact a, mp_fact b)
{
    int64_t low, high;
    if (is_empty(a) || is_empty(b))
        return mp__fact_none();
    if (__builtin_sub_overflow(a.low, b.high, &low) ||
        __builtin_sub_overflow(a.high, b.low, &high))
        return any_int();
    return mp__fact_ints(low, high);
}

mp_fact mp__fact_mul(mp_fact a, mp_fact b)
{
    const int64_t xs[] = {a.low, a.high}, ys[] = {b.low, b.high};
    mp_fact fact = mp__fact_none();
    if (is_empty(a) || is_empty(b))
        return fact;
    for (int k = 0; k < 4; k++) {
        int64_t product;
        if (__builtin_mul_overflow(xs[k / 2], ys[k % 2], &product))
            return any_int();
        fact = mp__fact_join(fact, mp__fact_ints(product, product));
    }
    return fact;
}

/* The greatest absolute value, as far as there is one. */
static uint64_t magnitude(mp_fact a)
{
    uint64_t low = a.low < 0 ? 0 - (uint64_t)a.low : (uint64_t)a.low;
    uint64_t high = a.high < 0 ? 0 - (uint64_t)a.high : (uint64_t)a.high;
    return low > high ? low : high;
}

/* A divisor of at least 1 moves a quotient towards 0, or to -1 at most. */
mp_fact mp__fact_idiv(mp_fact a, mp_fact b)
{
    if (is_empty(a) || is_empty(b))
        return mp__fact_none();
    if (b.low < 1)
        return any_int();
    int64_t low = a.low < 0 ? a.low : 0;
    int64_t high = a.high < 0 ? -1 : a.high / b.low;
    return mp__fact_ints(low, high);
}

mp_fact mp__fact_mod(mp_fact a, mp_fact b)
{
    if (is_empty(a) || is_empty(b))
        return mp__fact_none();
    if (b.low < 1)
        return any_int();
    int64_t high = b.high - 1;
    if (a.low >= 0 && a.high < high)
        high = a.high;
    return mp__fact_ints(0, high);
}

mp_fact mp__fact_fmod(mp_fact a, mp_fact b)
{
    if (is_empty(a) || is_empty(b))
        return mp__fact_none();
    uint64_t most = magnitude(b);
    if (most == 0 || most > INT64_MAX)
        return any_int();
    int64_t bound = (int64_t)(most - 1);
    return mp__fact_ints(a.low < 0 ? -bound : 0, a.high > 0 ? bound : 0);
}

mp_fact mp__fact_abs(mp_fact a)
{
    if (is_empty(a))
        return a;
    if (a.low == INT64_MIN)
        return any_int();
    if (a.low >= 0)
        return mp__fact_ints(a.low, a.high);
    return mp__fact_ints(a.high < 0 ? -a.high : 0, (int64_t)magnitude(a));
}

mp_fact mp__fact_band(mp_fact a, mp_fact b)
{
    int64_t high = INT64_MAX;
    if (is_empty(a) || is_empty(b))
        return mp__fact_none();
    if (a.low < 0 && b.low < 0)
        return any_int();
    if (a.low >= 0)
        high = a.high;
    if (b.low >= 0 && b.high < high)
        high = b.high;
    return mp__fact_ints(0, high);
}

mp_fact mp__fact_shr(mp_fact a, mp_fact b)
{
    if (is_empty(a) || is_empty(b))
        return mp__fact_none();
    if (b.low < 1)
        return any_int();
    if (b.low > 63)
        return mp__fact_ints(0, 0);
    if (a.low >= 0)
        return mp__fact_ints(0, a.high >> b.low);
    return mp__fact_ints(0, (int64_t)(UINT64_MAX >> b.low));
}

/* ---- comparison --------------------------------------------------------- */

unsigned mp__fact_less(mp_fact a, mp_fact b, bool or_equal)
{
    if (is_empty(a) || is_empty(b))
        return 0;
    if (or_equal ? a.high <= b.low : a.high < b.low)
        return MP_MAY_TRUE;
    if (or_equal ? a.low > b.high : a.low >= b.high)
        return MP_MAY_FALSE;
    return MP_MAY_BOOL;
}

unsigned mp__fact_same(mp_fact a, mp_fact b)
{
    if (is_empty(a) || is_empty(b))
        return 0;
    if (a.low > b.high || a.high < b.low)
        return MP_MAY_FALSE;
    if (a.low == a.high && b.low == b.high)
        return MP_MAY_TRUE;
    return MP_MAY_BOOL;
}

mp_fact mp__fact_dtype(mp_dtype dtype)
{
    switch (dtype) {
    case MP_BOOL:
        return mp__fact_of(MP_MAY_BOOL);
    case MP_INT8:
        return mp__fact_ints(INT8_MIN, INT8_MAX);
    case MP_UINT8:
        return mp__fact_ints(0, UINT8_MAX);
    case MP_INT16:
        return mp__fact_ints(INT16_MIN, INT16_MAX);
    case MP_UINT16:
        return mp__fact_ints(0, UINT16_MAX);
    case MP_INT32:
        return mp__fact_ints(INT32_MIN, INT32_MAX);
    case MP_UINT32:
        return mp__fact_ints(0, UINT32_MAX);
    case MP_INT64:
        return mp__fact_ints(INT64_MIN, INT64_MAX);
    case MP_UINT64:
        return mp__fact_ints(0, INT64_MAX);
    case MP_FLOAT16:
    case MP_FLOAT32:
    case MP_FLOAT64:
        return mp__fact_of(MP_MAY_FLOAT);
    }
    return mp__fact_none();
}
