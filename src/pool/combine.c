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

static void combine_doubles(mp_combine how, double *a, const double *b,
                            int64_t width)
{
    switch (how) {
    case MP_COMBINE_ADD:
        for (int64_t i = 0; i < width; i++)
            a[i] += b[i];
        break;
    case MP_COMBINE_MUL:
        for (int64_t i = 0; i < width; i++)
            a[i] *= b[i];
        break;
    case MP_COMBINE_MIN:
        for (int64_t i = 0; i < width; i++)
            a[i] = b[i] < a[i] ? b[i] : a[i];
        break;
    case MP_COMBINE_MAX:
        for (int64_t i = 0; i < width; i++)
            a[i] = a[i] < b[i] ? b[i] : a[i];
        break;
    case MP_COMBINE_NONE:
    case MP_COMBINE_KERNEL:
        break;
    }
}

void mp__combine_doubles(mp_combine how, double *rows, int64_t count,
                         int64_t width)
{
    for (int64_t step = 1; step < count; step *= 2) {
        for (int64_t i = 0; i + step < count; i += 2 * step)
            combine_doubles(how, rows + i * width, rows + (i + step) * width,
                            width);
    }
}

static void combine_ints(mp_combine how, int64_t *a, const int64_t *b,
                         int64_t width)
{
    switch (how) {
    case MP_COMBINE_ADD:
        for (int64_t i = 0; i < width; i++)
            a[i] = (int64_t)((uint64_t)a[i] + (uint64_t)b[i]);
        break;
    case MP_COMBINE_MUL:
        for (int64_t i = 0; i < width; i++)
            a[i] = (int64_t)((uint64_t)a[i] * (uint64_t)b[i]);
        break;
    case MP_COMBINE_MIN:
        for (int64_t i = 0; i < width; i++)
            a[i] = b[i] < a[i] ? b[i] : a[i];
        break;
    case MP_COMBINE_MAX:
        for (int64_t i = 0; i < width; i++)
            a[i] = a[i] < b[i] ? b[i] : a[i];
        break;
    case MP_COMBINE_NONE:
    case MP_COMBINE_KERNEL:
        break;
    }
}

void mp__combine_ints(mp_combine how, int64_t *rows, int64_t count,
                      int64_t width)
{
    for (int64_t step = 1; step < count; step *= 2) {
        for (int64_t i = 0; i + step < count; i += 2 * step)
            combine_ints(how, rows + i * width, rows + (i + step) * width,
                         width);
    }
}
