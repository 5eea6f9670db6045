/* Operations on known values: integers wrap, division floors, comparisons are
 * exact. */
#include "native/datum.h"

#include <math.h>

/* Lua's own. */
#define PI 3.141592653589793238462643383279502884

static bool give_bool(mp_datum *out, bool value)
{
    *out = (mp_datum){.type = MP_TYPE_BOOL, .as.b = value};
    return true;
}

static bool give_int(mp_datum *out, uint64_t value)
{
    *out = (mp_datum){.type = MP_TYPE_INT, .as.i = (int64_t)value};
    return true;
}

static bool give_float(mp_datum *out, double value)
{
    *out = (mp_datum){.type = MP_TYPE_FLOAT, .as.f = value};
    return true;
}

/* ---- integers ----------------------------------------------------------- */

static int64_t floor_divide(int64_t a, int64_t b)
{
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a ^ b) < 0);
}

static int64_t floor_modulo(int64_t a, int64_t b)
{
    if (b == -1)
        return 0;
    int64_t rest = a % b;
    return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;
}

/* To the left, and to the right for a negative distance. */
static uint64_t shift(uint64_t bits, int64_t by)
{
    if (by <= -64 || by >= 64)
        return 0;
    return by < 0 ? bits >> -by : bits << by;
}

static bool of_ints(const mp_node *node, int64_t a, int64_t b, mp_datum *out)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    switch ((int)node->op) {
    case MP_OP_ADD:
        return give_int(out, x + y);
    case MP_OP_SUB:
        return give_int(out, x - y);
    case MP_OP_MUL:
        return give_int(out, x * y);
    case MP_OP_IDIV:
        return b != 0 && give_int(out, (uint64_t)floor_divide(a, b));
    case MP_OP_MOD:
        return b != 0 && give_int(out, (uint64_t)floor_modulo(a, b));
    case MP_OP_BAND:
        return give_int(out, x & y);
    case MP_OP_BOR:
        return give_int(out, x | y);
    case MP_OP_BXOR:
        return give_int(out, x ^ y);
    case MP_OP_SHL:
        return give_int(out, shift(x, b));
    case MP_OP_SHR:
        return give_int(out, shift(x, (int64_t)(0 - y)));
    case MP_OP_EQ:
        return give_bool(out, a == b);
    case MP_OP_LT:
        return give_bool(out, a < b);
    case MP_OP_LE:
        return give_bool(out, a <= b);
    }
    return false;
}

/* ---- floats ------------------------------------------------------------- */

static double float_modulo(double a, double b)
{
    double rest = fmod(a, b);
    return rest * b < 0 ? rest + b : rest;
}

static bool of_floats(const mp_node *node, double a, double b, mp_datum *out)
{
    switch ((int)node->op) {
    case MP_OP_ADD:
        return give_float(out, a + b);
    case MP_OP_SUB:
        return give_float(out, a - b);
    case MP_OP_MUL:
        return give_float(out, a * b);
    case MP_OP_DIV:
        return give_float(out, a / b);
    case MP_OP_POW:
        return give_float(out, pow(a, b));
    case MP_OP_IDIV:
        return give_float(out, floor(a / b));
    case MP_OP_MOD:
        return give_float(out, float_modulo(a, b));
    case MP_OP_EQ:
        return give_bool(out, a == b);
    case MP_OP_LT:
        return give_bool(out, a < b);
    case MP_OP_LE:
        return give_bool(out, a <= b);
    }
    return false;
}

static bool to_int(double value, int64_t *out)
{
    if (!(value >= -0x1p63 && value < 0x1p63))
        return false;
    *out = (int64_t)value;
    return true;
}

/* ---- an integer with a float -------------------------------------------- */

/* -1, 0 or 1 as `i` is below, at or above `f`, which is not NaN. */
static int compare(int64_t i, double f)
{
    int64_t whole;
    if (!to_int(floor(f), &whole))
        return f > 0 ? -1 : 1;
    if (i != whole)
        return i < whole ? -1 : 1;
    return floor(f) == f ? 0 : -1;
}

static bool of_mixed(const mp_node *node, const mp_datum *args, mp_datum *out)
{
    bool int_first = args[0].type == MP_TYPE_INT;
    int64_t i = args[int_first ? 0 : 1].as.i;
    double f = args[int_first ? 1 : 0].as.f;
    if (isnan(f))
        return give_bool(out, false);
    int order = int_first ? compare(i, f) : -compare(i, f);
    switch ((int)node->op) {
    case MP_OP_EQ:
        return give_bool(out, order == 0);
    case MP_OP_LT:
        return give_bool(out, order < 0);
    case MP_OP_LE:
        return give_bool(out, order <= 0);
    }
    return false;
}

/* ---- booleans ----------------------------------------------------------- */

static bool of_bools(const mp_node *node, bool a, bool b, mp_datum *out)
{
    switch ((int)node->op) {
    case MP_OP_EQ:
        return give_bool(out, a == b);
    case MP_OP_AND:
        return give_bool(out, a && b);
    case MP_OP_OR:
        return give_bool(out, a || b);
    case MP_OP_ANDN:
        return give_bool(out, a && !b);
    }
    return false;
}

/* ---- builtins ----------------------------------------------------------- */

/* C's lgamma() writes the sign to a variable that all threads share. */
static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* The integers that these give have no -0, also where they are floats. */
static double round_down(double x)
{
    return floor(x) + 0.0;
}

static double round_up(double x)
{
    return ceil(x) + 0.0;
}

static double cut_off(double x)
{
    return trunc(x) + 0.0;
}

static double fraction(double x)
{
    return x == trunc(x) ? 0.0 : x - trunc(x);
}

static double to_degrees(double x)
{
    return x * (180.0 / PI);
}

static double to_radians(double x)
{
    return x * (PI / 180.0);
}

static double sign(double x)
{
    return isnan(x) ? x : (x > 0) - (x < 0);
}

static bool of_one_float(mp_builtin builtin, double x, mp_datum *out)
{
    switch ((int)builtin) {
#define CASE(name, function)                                                   \
    case MP_BUILTIN_##name:                                                    \
        return give_float(out, function(x));
        CASE(MATH_ABS, fabs)
        CASE(MATH_ACOS, acos)
        CASE(MATH_ASIN, asin)
        CASE(MATH_CEIL, round_up)
        CASE(MATH_COS, cos)
        CASE(MATH_EXP, exp)
        CASE(MATH_DEG, to_degrees)
        CASE(MATH_FLOOR, round_down)
        CASE(MATH_LOG, log)
        CASE(MATH_MODF, cut_off)
        CASE(MATH_MODF_FRACTION, fraction)
        CASE(MATH_RAD, to_radians)
        CASE(MATH_SIN, sin)
        CASE(MATH_SQRT, sqrt)
        CASE(MATH_TAN, tan)
        CASE(NUM_ACOSH, acosh)
        CASE(NUM_ASINH, asinh)
        CASE(NUM_ATANH, atanh)
        CASE(NUM_CBRT, cbrt)
        CASE(NUM_COSH, cosh)
        CASE(NUM_ERF, erf)
        CASE(NUM_ERFC, erfc)
        CASE(NUM_EXP2, exp2)
        CASE(NUM_EXPM1, expm1)
        CASE(NUM_GAMMA, tgamma)
        CASE(NUM_LGAMMA, log_gamma)
        CASE(NUM_LOG10, log10)
        CASE(NUM_LOG1P, log1p)
        CASE(NUM_LOG2, log2)
        CASE(NUM_RINT, rint)
        CASE(NUM_ROUND, round)
        CASE(NUM_SIGN, sign)
        CASE(NUM_SINH, sinh)
        CASE(NUM_TANH, tanh)
        CASE(NUM_TRUNC, trunc)
#undef CASE
    case MP_BUILTIN_MATH_ATAN: /* as Lua calls it */
        return give_float(out, atan2(x, 1.0));
    case MP_BUILTIN_NUM_ISFINITE:
        return give_bool(out, isfinite(x));
    case MP_BUILTIN_NUM_ISINF:
        return give_bool(out, isinf(x));
    case MP_BUILTIN_NUM_ISNAN:
        return give_bool(out, isnan(x));
    }
    return false;
}

/* math.log(x, base) */
static double log_base(double x, double base)
{
    if (base == 2.0)
        return log2(x);
    return base == 10.0 ? log10(x) : log(x) / log(base);
}

static double lerp(double a, double b, double t)
{
    return (1.0 - t) * a + t * b;
}

static bool of_more_floats(mp_builtin builtin, const mp_datum *args,
                           mp_datum *out)
{
    double x = args[0].as.f, y = args[1].as.f;
    switch ((int)builtin) {
#define CASE(name, function)                                                   \
    case MP_BUILTIN_##name:                                                    \
        return give_float(out, function(x, y));
        CASE(MATH_ATAN, atan2)
        CASE(MATH_FMOD, fmod)
        CASE(MATH_LOG, log_base)
        CASE(NUM_ATAN2, atan2)
        CASE(NUM_COPYSIGN, copysign)
        CASE(NUM_HYPOT, hypot)
        CASE(NUM_NEXTAFTER, nextafter)
        CASE(NUM_POW, pow)
        CASE(NUM_REMAINDER, remainder)
#undef CASE
    case MP_BUILTIN_NUM_LERP:
        return give_float(out, lerp(x, y, args[2].as.f));
    case MP_BUILTIN_NUM_FMA:
        return give_float(out, fma(x, y, args[2].as.f));
    }
    return false;
}

static bool builtin_of_ints(mp_builtin builtin, const mp_datum *args,
                            mp_datum *out)
{
    int64_t a = args[0].as.i;
    uint64_t bits = (uint64_t)a;
    switch ((int)builtin) {
    case MP_BUILTIN_MATH_ABS:
        return give_int(out, a < 0 ? 0 - bits : bits);
    case MP_BUILTIN_NUM_SIGN:
        return give_int(out, (uint64_t)((a > 0) - (a < 0)));
    case MP_BUILTIN_MATH_ULT:
        return give_bool(out, bits < (uint64_t)args[1].as.i);
    case MP_BUILTIN_MATH_FMOD:
        if (args[1].as.i == -1)
            return give_int(out, 0);
        return args[1].as.i != 0 && give_int(out, (uint64_t)(a % args[1].as.i));
    }
    return false;
}

static bool of_builtin(const mp_node *node, const mp_datum *args, mp_datum *out)
{
    int64_t whole;
    mp_builtin builtin = node->as.builtin;
    if (args[0].type == MP_TYPE_INT)
        return builtin_of_ints(builtin, args, out);
    if (node->nargs > 1)
        return of_more_floats(builtin, args, out);
    if (!of_one_float(builtin, args[0].as.f, out))
        return false;
    if (node->type != MP_TYPE_INT)
        return true;
    return to_int(out->as.f, &whole) && give_int(out, (uint64_t)whole);
}

/* ---- all ---------------------------------------------------------------- */

static bool of_one(const mp_node *node, mp_datum a, mp_datum *out)
{
    int64_t whole;
    switch ((int)node->op) {
    case MP_OP_I2F:
        return give_float(out, (double)a.as.i);
    case MP_OP_F2I:
        return to_int(a.as.f, &whole) && floor(a.as.f) == a.as.f &&
               give_int(out, (uint64_t)whole);
    case MP_OP_UNM:
        if (a.type == MP_TYPE_FLOAT)
            return give_float(out, -a.as.f);
        return give_int(out, 0 - (uint64_t)a.as.i);
    case MP_OP_BNOT:
        return give_int(out, ~(uint64_t)a.as.i);
    case MP_OP_NOT:
        return give_bool(out, !a.as.b);
    }
    return false;
}

bool mp__datum_apply(const mp_node *node, const mp_datum *args, mp_datum *out)
{
    if (node->op == MP_OP_BUILTIN)
        return of_builtin(node, args, out);
    if (node->op == MP_OP_SELECT) {
        *out = args[0].as.b ? args[1] : args[2];
        return true;
    }
    if (node->nargs == 1)
        return of_one(node, args[0], out);
    if (node->nargs != 2)
        return false;
    if (args[0].type != args[1].type)
        return of_mixed(node, args, out);
    if (args[0].type == MP_TYPE_FLOAT)
        return of_floats(node, args[0].as.f, args[1].as.f, out);
    if (args[0].type == MP_TYPE_INT)
        return of_ints(node, args[0].as.i, args[1].as.i, out);
    return args[0].type == MP_TYPE_BOOL &&
           of_bools(node, args[0].as.b, args[1].as.b, out);
}
