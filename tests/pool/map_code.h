/* What the tests of compiled maps share: code in C that adds x and y. */
#ifndef MP_TESTS_POOL_MAP_CODE_H
#define MP_TESTS_POOL_MAP_CODE_H

#include "native_fixture.h"

static inline double get(const mp_frame *f, int k, int64_t i)
{
    double value;
    memcpy(&value, f->at[k] + i * f->steps[k], sizeof value);
    return value;
}

static inline void put(const mp_frame *f, int k, int64_t i, double value)
{
    memcpy(f->at[k] + i * f->steps[k], &value, sizeof value);
}

/* x + 10 * y + 1000 */
static inline int32_t add_code(mp_frame *f)
{
    assert_true(f->count > 0);
    for (int64_t i = 0; i < f->count; i++)
        put(f, 2, i, get(f, 0, i) + 10 * get(f, 1, i) + 1000);
    return MP_NATIVE_DONE;
}

/* What it means, but for the thousand: so one sees who did it. */
#define ADD "function(x, y) return x + 10 * y end"

#endif
