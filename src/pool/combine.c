/* Combining the partial results of a reduction by an operator. */
#include "pool/combine.h"

bool mp__combine_is_operator(mp_combine how)
{
    return how != MP_COMBINE_NONE && how != MP_COMBINE_KERNEL;
}

static double to_double(mp_value value)
{
    return value.kind == MP_KIND_INT ? (double)value.as.i : value.as.f;
}

/* An integer against a float, exactly, as Lua compares them. */
static bool int_less_float(int64_t i, double f)
{
    if (f >= 0x1p63)
        return true;
    if (!(f > -0x1p63))
        return false; /* also for NaN */
    int64_t whole = (int64_t)f;
    return i < whole || (i == whole && f > (double)whole);
}

static bool float_less_int(double f, int64_t i)
{
    if (f >= 0x1p63)
        return false;
    if (f < -0x1p63)
        return true;
    if (f != f)
        return false;
    int64_t whole = (int64_t)f;
    return whole < i || (whole == i && f < (double)whole);
}

static bool less(mp_value a, mp_value b)
{
    if (a.kind == MP_KIND_INT && b.kind == MP_KIND_INT)
        return a.as.i < b.as.i;
    if (a.kind == MP_KIND_INT)
        return int_less_float(a.as.i, b.as.f);
    if (b.kind == MP_KIND_INT)
        return float_less_int(a.as.f, b.as.i);
    return a.as.f < b.as.f;
}

static mp_value arithmetic(bool add, mp_value a, mp_value b)
{
    mp_value out;
    if (a.kind == MP_KIND_INT && b.kind == MP_KIND_INT) {
        uint64_t x = (uint64_t)a.as.i, y = (uint64_t)b.as.i;
        out.kind = MP_KIND_INT;
        out.as.i = (int64_t)(add ? x + y : x * y);
    } else {
        double x = to_double(a), y = to_double(b);
        out.kind = MP_KIND_FLOAT;
        out.as.f = add ? x + y : x * y;
    }
    return out;
}

static bool is_number(mp_value value)
{
    return value.kind == MP_KIND_INT || value.kind == MP_KIND_FLOAT;
}

mp_status mp__combine_apply(mp_combine how, mp_value a, mp_value b,
                            mp_value *out, mp_error *err)
{
    if (!is_number(a) || !is_number(b))
        return mp_error_set(err, MP_TYPE,
                            "only numbers can be combined by an operator: "
                            "pass a Lua function as combine");
    switch (how) {
    case MP_COMBINE_ADD:
    case MP_COMBINE_MUL:
        *out = arithmetic(how == MP_COMBINE_ADD, a, b);
        break;
    case MP_COMBINE_MIN:
        *out = less(b, a) ? b : a;
        break;
    case MP_COMBINE_MAX:
        *out = less(a, b) ? b : a;
        break;
    case MP_COMBINE_NONE:
    case MP_COMBINE_KERNEL:
        break;
    }
    return MP_OK;
}

mp_status mp__combine_tree(mp_combine how, mp_value *values, int64_t count,
                           int naccs, mp_error *err)
{
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t i = 0; i + width < count; i += 2 * width) {
            mp_value *a = values + i * naccs;
            const mp_value *b = values + (i + width) * naccs;
            for (int k = 0; k < naccs; k++) {
                mp_status status =
                    mp__combine_apply(how, a[k], b[k], &a[k], err);
                if (status != MP_OK)
                    return status;
            }
        }
    }
    return MP_OK;
}

/* ---- numbers of one kind ------------------------------------------------ */

/* Combines `width` pairs, `step` elements apart, into neighbours. */
static inline void combine_doubles(mp_combine how, double *to, const double *a,
                                   const double *b, int64_t step, int64_t width)
{
    switch (how) {
    case MP_COMBINE_ADD:
        for (int64_t i = 0; i < width; i++)
            to[i] = a[step * i] + b[step * i];
        break;
    case MP_COMBINE_MUL:
        for (int64_t i = 0; i < width; i++)
            to[i] = a[step * i] * b[step * i];
        break;
    case MP_COMBINE_MIN:
        for (int64_t i = 0; i < width; i++)
            to[i] = b[step * i] < a[step * i] ? b[step * i] : a[step * i];
        break;
    case MP_COMBINE_MAX:
        for (int64_t i = 0; i < width; i++)
            to[i] = a[step * i] < b[step * i] ? b[step * i] : a[step * i];
        break;
    case MP_COMBINE_NONE:
    case MP_COMBINE_KERNEL:
        break;
    }
}

/* The same tree for single values, which close up at each level: that is a
 * loop without a call. */
static void combine_doubles_tree(mp_combine how, double *values, int64_t count)
{
    for (; count > 1; count = (count + 1) / 2) {
        combine_doubles(how, values, values, values + 1, 2, count / 2);
        if (count % 2 != 0)
            values[count / 2] = values[count - 1];
    }
}

void mp__combine_doubles(mp_combine how, double *rows, int64_t count,
                         int64_t width)
{
    if (width == 1) {
        combine_doubles_tree(how, rows, count);
        return;
    }
    for (int64_t step = 1; step < count; step *= 2) {
        for (int64_t i = 0; i + step < count; i += 2 * step) {
            double *a = rows + i * width;
            combine_doubles(how, a, a, a + step * width, 1, width);
        }
    }
}

/* Combines `width` pairs, `step` elements apart, into neighbours. */
static inline void combine_ints(mp_combine how, int64_t *to, const int64_t *a,
                                const int64_t *b, int64_t step, int64_t width)
{
    switch (how) {
    case MP_COMBINE_ADD:
        for (int64_t i = 0; i < width; i++)
            to[i] = (int64_t)((uint64_t)a[step * i] + (uint64_t)b[step * i]);
        break;
    case MP_COMBINE_MUL:
        for (int64_t i = 0; i < width; i++)
            to[i] = (int64_t)((uint64_t)a[step * i] * (uint64_t)b[step * i]);
        break;
    case MP_COMBINE_MIN:
        for (int64_t i = 0; i < width; i++)
            to[i] = b[step * i] < a[step * i] ? b[step * i] : a[step * i];
        break;
    case MP_COMBINE_MAX:
        for (int64_t i = 0; i < width; i++)
            to[i] = a[step * i] < b[step * i] ? b[step * i] : a[step * i];
        break;
    case MP_COMBINE_NONE:
    case MP_COMBINE_KERNEL:
        break;
    }
}

static void combine_ints_tree(mp_combine how, int64_t *values, int64_t count)
{
    for (; count > 1; count = (count + 1) / 2) {
        combine_ints(how, values, values, values + 1, 2, count / 2);
        if (count % 2 != 0)
            values[count / 2] = values[count - 1];
    }
}

void mp__combine_ints(mp_combine how, int64_t *rows, int64_t count,
                      int64_t width)
{
    if (width == 1) {
        combine_ints_tree(how, rows, count);
        return;
    }
    for (int64_t step = 1; step < count; step *= 2) {
        for (int64_t i = 0; i + step < count; i += 2 * step) {
            int64_t *a = rows + i * width;
            combine_ints(how, a, a, a + step * width, 1, width);
        }
    }
}
