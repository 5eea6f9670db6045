/* Values, and Lua 5.3's operations on them, for the evaluator of the tests. All
 * return false where they would raise an error. */
#ifndef MP_TESTS_NATIVE_VALUES_H
#define MP_TESTS_NATIVE_VALUES_H

#include <math.h>

#include "fixture.h"

static inline mp_value eval_nil(void)
{
    return (mp_value){.kind = MP_KIND_NIL};
}

static inline mp_value eval_bool(bool b)
{
    return (mp_value){.kind = MP_KIND_BOOL, .as.b = b};
}

static inline mp_value eval_int(int64_t i)
{
    return (mp_value){.kind = MP_KIND_INT, .as.i = i};
}

static inline mp_value eval_float(double f)
{
    return (mp_value){.kind = MP_KIND_FLOAT, .as.f = f};
}

static inline bool eval_truth(mp_value v)
{
    return v.kind != MP_KIND_NIL && (v.kind != MP_KIND_BOOL || v.as.b);
}

static inline bool eval_is_number(mp_value v)
{
    return v.kind == MP_KIND_INT || v.kind == MP_KIND_FLOAT;
}

static inline double eval_to_float(mp_value v)
{
    return v.kind == MP_KIND_INT ? (double)v.as.i : v.as.f;
}

/* Exactly, or not at all. */
static inline bool eval_to_int(mp_value v, int64_t *out)
{
    if (v.kind == MP_KIND_INT) {
        *out = v.as.i;
        return true;
    }
    if (v.kind != MP_KIND_FLOAT || floor(v.as.f) != v.as.f ||
        !(v.as.f >= -0x1p63 && v.as.f < 0x1p63))
        return false;
    *out = (int64_t)v.as.f;
    return true;
}

/* ---- arithmetic --------------------------------------------------------- */

static inline bool eval_ints(mp_op op, uint64_t x, uint64_t y, uint64_t *out)
{
    int64_t a = (int64_t)x, b = (int64_t)y;
    switch ((int)op) {
    case MP_OP_ADD:
        *out = x + y;
        return true;
    case MP_OP_SUB:
        *out = x - y;
        return true;
    case MP_OP_MUL:
        *out = x * y;
        return true;
    case MP_OP_IDIV:
    case MP_OP_MOD:
        if (b == 0)
            return false;
        if (b == -1) {
            *out = op == MP_OP_MOD ? 0 : 0 - x;
            return true;
        }
        int64_t quotient = a / b, rest = a % b;
        bool down = rest != 0 && (rest ^ b) < 0;
        *out = (uint64_t)(op == MP_OP_MOD ? rest + (down ? b : 0)
                                          : quotient - down);
        return true;
    default:
        return false;
    }
}

static inline double eval_floats(mp_op op, double a, double b)
{
    switch ((int)op) {
    case MP_OP_ADD:
        return a + b;
    case MP_OP_SUB:
        return a - b;
    case MP_OP_MUL:
        return a * b;
    case MP_OP_DIV:
        return a / b;
    case MP_OP_POW:
        return pow(a, b);
    case MP_OP_IDIV:
        return floor(a / b);
    default: {
        double m = fmod(a, b);
        return m * b < 0 ? m + b : m;
    }
    }
}

static inline bool eval_arith(mp_op op, mp_value a, mp_value b, mp_value *out)
{
    if (!eval_is_number(a) || !eval_is_number(b))
        return false;
    if (a.kind == MP_KIND_INT && b.kind == MP_KIND_INT && op != MP_OP_DIV &&
        op != MP_OP_POW) {
        uint64_t bits;
        if (!eval_ints(op, (uint64_t)a.as.i, (uint64_t)b.as.i, &bits))
            return false;
        *out = eval_int((int64_t)bits);
        return true;
    }
    *out = eval_float(eval_floats(op, eval_to_float(a), eval_to_float(b)));
    return true;
}

static inline uint64_t eval_shift(uint64_t x, int64_t left)
{
    if (left <= -64 || left >= 64)
        return 0;
    return left >= 0 ? x << left : x >> -left;
}

static inline bool eval_bits(mp_op op, mp_value a, mp_value b, mp_value *out)
{
    int64_t i, j;
    if (!eval_to_int(a, &i) || !eval_to_int(b, &j))
        return false;
    uint64_t x = (uint64_t)i, y = (uint64_t)j, bits = 0;
    switch ((int)op) {
    case MP_OP_BAND:
        bits = x & y;
        break;
    case MP_OP_BOR:
        bits = x | y;
        break;
    case MP_OP_BXOR:
        bits = x ^ y;
        break;
    case MP_OP_SHL:
        bits = eval_shift(x, j);
        break;
    case MP_OP_SHR:
        bits = eval_shift(x, j == INT64_MIN ? INT64_MAX : -j);
        break;
    }
    *out = eval_int((int64_t)bits);
    return true;
}

/* -1, 0, 1, or 2 where they have no order. A long double holds both exactly. */
static inline int eval_order(mp_value a, mp_value b)
{
    long double x = a.kind == MP_KIND_INT ? (long double)a.as.i : a.as.f;
    long double y = b.kind == MP_KIND_INT ? (long double)b.as.i : b.as.f;
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

static inline bool eval_compare(mp_op op, mp_value a, mp_value b, mp_value *out)
{
    bool numbers = eval_is_number(a) && eval_is_number(b);
    if (op == MP_OP_EQ && !numbers) {
        *out = eval_bool(a.kind == b.kind &&
                         (a.kind == MP_KIND_NIL ||
                          (a.kind == MP_KIND_BOOL && a.as.b == b.as.b)));
        return true;
    }
    if (!numbers)
        return false;
    int order = eval_order(a, b);
    *out = eval_bool(op == MP_OP_EQ   ? order == 0
                     : op == MP_OP_LT ? order == -1
                                      : order == -1 || order == 0);
    return true;
}

/* ---- numeric for -------------------------------------------------------- */

/* The limit of an integer loop; false where it does not run at all. */
static inline bool eval_clip(mp_value limit, int64_t step, int64_t *out)
{
    if (limit.kind == MP_KIND_INT) {
        *out = limit.as.i;
        return true;
    }
    double f = step < 0 ? ceil(limit.as.f) : floor(limit.as.f);
    if (eval_to_int(eval_float(f), out))
        return true;
    *out = limit.as.f > 0 ? INT64_MAX : INT64_MIN;
    return limit.as.f > 0 ? step >= 0 : step < 0;
}

static inline bool eval_for(mp_op op, const mp_value *args, mp_value *out)
{
    mp_value first = args[0], limit = args[1], step = args[2];
    if (!eval_is_number(first) || !eval_is_number(limit) ||
        !eval_is_number(step))
        return false;
    if (op == MP_OP_FOR_TEST) {
        int order = eval_order(first, limit);
        bool up = eval_order(eval_int(0), step) == -1;
        *out = eval_bool(order == 0 || order == (up ? -1 : 1));
        return true;
    }
    if (first.kind == MP_KIND_INT && step.kind == MP_KIND_INT) {
        int64_t clipped;
        bool runs = eval_clip(limit, step.as.i, &clipped);
        uint64_t start = runs ? (uint64_t)first.as.i : 0;
        *out = op == MP_OP_FOR_LIMIT
                   ? eval_int(clipped)
                   : eval_int((int64_t)(start - (uint64_t)step.as.i));
        return true;
    }
    *out = op == MP_OP_FOR_LIMIT
               ? eval_float(eval_to_float(limit))
               : eval_float(eval_to_float(first) - eval_to_float(step));
    return true;
}

#endif
