/* Builtins: the libraries math and num. */
#include <math.h>

#include "native/emit.h"

#define PI 3.141592653589793238462643383279502884

/* What a builtin is called in C's library. */
static const char *const functions[MP_NBUILTINS] = {
    [MP_BUILTIN_MATH_ACOS] = "acos",
    [MP_BUILTIN_MATH_ASIN] = "asin",
    [MP_BUILTIN_MATH_COS] = "cos",
    [MP_BUILTIN_MATH_EXP] = "exp",
    [MP_BUILTIN_MATH_SIN] = "sin",
    [MP_BUILTIN_MATH_TAN] = "tan",
    [MP_BUILTIN_NUM_ACOSH] = "acosh",
    [MP_BUILTIN_NUM_ASINH] = "asinh",
    [MP_BUILTIN_NUM_ATAN2] = "atan2",
    [MP_BUILTIN_NUM_ATANH] = "atanh",
    [MP_BUILTIN_NUM_CBRT] = "cbrt",
    [MP_BUILTIN_NUM_COSH] = "cosh",
    [MP_BUILTIN_NUM_ERF] = "erf",
    [MP_BUILTIN_NUM_ERFC] = "erfc",
    [MP_BUILTIN_NUM_EXP2] = "exp2",
    [MP_BUILTIN_NUM_EXPM1] = "expm1",
    [MP_BUILTIN_NUM_GAMMA] = "tgamma",
    [MP_BUILTIN_NUM_HYPOT] = "hypot",
    [MP_BUILTIN_NUM_LGAMMA] = "mp.lgamma",
    [MP_BUILTIN_NUM_LOG10] = "log10",
    [MP_BUILTIN_NUM_LOG1P] = "log1p",
    [MP_BUILTIN_NUM_LOG2] = "log2",
    [MP_BUILTIN_NUM_NEXTAFTER] = "nextafter",
    [MP_BUILTIN_NUM_POW] = "pow",
    [MP_BUILTIN_NUM_REMAINDER] = "remainder",
    [MP_BUILTIN_NUM_SINH] = "sinh",
    [MP_BUILTIN_NUM_TANH] = "tanh",
};

/* What a builtin is called in LLVM. */
static const char *const intrinsics[MP_NBUILTINS] = {
    [MP_BUILTIN_MATH_SQRT] = "sqrt",        [MP_BUILTIN_NUM_RINT] = "rint",
    [MP_BUILTIN_NUM_ROUND] = "round",       [MP_BUILTIN_NUM_TRUNC] = "trunc",
    [MP_BUILTIN_NUM_COPYSIGN] = "copysign", [MP_BUILTIN_NUM_FMA] = "fma",
};

static const char *real(mp_emit *e, bool wide)
{
    return mp__emit_type(e, MP_TYPE_FLOAT, wide);
}

static const char *bits(mp_emit *e, bool wide)
{
    return wide ? mp__emit_vector_of(e, "i1") : "i1";
}

static const char *number(mp_emit *e, double value, bool wide)
{
    const char *text = mp__emit_float(e, value);
    return wide ? mp__emit_splat(e, "double", text) : text;
}

static const char *binary(mp_emit *e, const char *op, const char *a,
                          const char *b, bool wide)
{
    return mp__emit_let(e, "%s %s %s, %s", op, real(e, wide), a, b);
}

static const char *pick(mp_emit *e, const char *type, const char *cond,
                        const char *then, const char *other, bool wide)
{
    return mp__emit_let(e, "select %s %s, %s %s, %s %s", bits(e, wide), cond,
                        type, then, type, other);
}

/* ---- functions ---------------------------------------------------------- */

static const char *call_of(mp_emit *e, const char *function, int nargs,
                           const char *const *args, bool wide)
{
    const char *type = real(e, wide);
    mp_writer list = {.unit = e->unit};
    for (int k = 0; k < nargs; k++)
        mp__write(&list, "%s%s %s", k == 0 ? "" : ", ", type, args[k]);
    return mp__emit_let(e, "call %s %s(%s)", type, function, list.text);
}

const char *mp__emit_call(mp_emit *e, const char *name, int nargs,
                          const char *const *args, bool wide)
{
    const char *helper = mp__write_text(e->unit, "call.%d.%s", nargs, name);
    return call_of(e, mp__emit_helper(e, helper, wide), nargs, args, wide);
}

const char *mp__emit_intrinsic(mp_emit *e, const char *name, int nargs,
                               const char *const *args, bool wide)
{
    const char *type = real(e, wide);
    const char *function =
        wide ? mp__write_text(e->unit, "@llvm.%s.v%df64", name, e->lanes)
             : mp__write_text(e->unit, "@llvm.%s.f64", name);
    mp_writer list = {.unit = e->unit};
    for (int k = 0; k < nargs; k++)
        mp__write(&list, "%s%s", k == 0 ? "" : ", ", type);
    mp__emit_declare(e, mp__write_text(e->unit, "declare %s %s(%s)", type,
                                       function, list.text));
    return call_of(e, function, nargs, args, wide);
}

static const char *one(mp_emit *e, const char *name, const char *x, bool wide)
{
    return mp__emit_call(e, name, 1, &x, wide);
}

/* math.atan(y, x), where x is 1 if it is left out. */
static const char *arc_tangent(mp_emit *e, const mp_node *node, bool wide)
{
    const char *args[2] = {mp__emit_real(e, node->args[0], wide)};
    if (node->nargs == 1 && wide && mp__emit_approximates(e, "atan"))
        return one(e, "atan", args[0], wide);
    args[1] = node->nargs == 1 ? number(e, 1, wide)
                               : mp__emit_real(e, node->args[1], wide);
    return mp__emit_call(e, "atan2", 2, args, wide);
}

/* As lmathlib.c has it: bases 2 and 10 have functions of their own. */
static const char *logarithm(mp_emit *e, const mp_node *node, bool wide)
{
    const char *x = mp__emit_real(e, node->args[0], wide);
    if (node->nargs == 1)
        return one(e, "log", x, wide);
    const mp_node *base = node->args[1];
    if (base->op == MP_OP_CONST) {
        double known =
            base->type == MP_TYPE_INT ? (double)base->as.i : base->as.f;
        if (known == 2)
            return one(e, "log2", x, wide);
        if (known == 10)
            return one(e, "log10", x, wide);
    }
    const char *b = mp__emit_real(e, base, wide);
    const char *value =
        binary(e, "fdiv", one(e, "log", x, wide), one(e, "log", b, wide), wide);
    if (base->op == MP_OP_CONST)
        return value;
    const char *is2 = binary(e, "fcmp oeq", b, number(e, 2, wide), wide);
    const char *is10 = binary(e, "fcmp oeq", b, number(e, 10, wide), wide);
    value = pick(e, real(e, wide), is2, one(e, "log2", x, wide), value, wide);
    return pick(e, real(e, wide), is10, one(e, "log10", x, wide), value, wide);
}

/* ---- rounding ----------------------------------------------------------- */

/* floor, ceil and modf: an integer. As a float it is that integer's, so that
 * -0.0 becomes 0.0. */
static const char *round_to_int(mp_emit *e, const mp_node *node,
                                const char *name, bool wide)
{
    if (node->args[0]->type == MP_TYPE_INT)
        return node->type == MP_TYPE_INT
                   ? mp__emit_use(e, node->args[0], wide)
                   : mp__emit_real(e, node->args[0], wide);
    const char *x = mp__emit_real(e, node->args[0], wide);
    if (name != NULL)
        x = mp__emit_intrinsic(e, name, 1, &x, wide);
    if (node->type == MP_TYPE_FLOAT)
        return binary(e, "fadd", x, number(e, 0, wide), wide);
    return mp__emit_int_of_float(e, node, x, wide);
}

/* The second result of modf: 0 for an infinity. */
static const char *fraction(mp_emit *e, const mp_node *node, bool wide)
{
    const char *x = mp__emit_real(e, node->args[0], wide);
    const char *whole = mp__emit_intrinsic(e, "trunc", 1, &x, wide);
    const char *rest = binary(e, "fsub", x, whole, wide);
    const char *same = binary(e, "fcmp oeq", x, whole, wide);
    return pick(e, real(e, wide), same, number(e, 0, wide), rest, wide);
}

/* ---- choices ------------------------------------------------------------ */

/* `a` or `b`, the latter where `less` is less than `than`. */
static const char *second_if_less(mp_emit *e, const mp_node *node,
                                  const char *less, const char *than,
                                  const char *a, const char *b, bool wide)
{
    const char *type = mp__emit_type(e, node->type, wide);
    const char *cond =
        mp__emit_let(e, "%s %s %s, %s",
                     node->type == MP_TYPE_FLOAT ? "fcmp olt" : "icmp slt",
                     type, less, than);
    return pick(e, type, cond, b, a, wide);
}

static const char *choice(mp_emit *e, const mp_node *node, int k, bool wide)
{
    return node->type == MP_TYPE_FLOAT ? mp__emit_real(e, node->args[k], wide)
                                       : mp__emit_use(e, node->args[k], wide);
}

static const char *extreme(mp_emit *e, const mp_node *node, bool max, bool wide)
{
    const char *best = choice(e, node, 0, wide);
    for (int k = 1; k < node->nargs; k++) {
        const char *x = choice(e, node, k, wide);
        best = second_if_less(e, node, max ? best : x, max ? x : best, best, x,
                              wide);
    }
    return best;
}

static const char *clamp(mp_emit *e, const mp_node *node, bool wide)
{
    const char *x = choice(e, node, 0, wide);
    const char *low = choice(e, node, 1, wide);
    const char *high = choice(e, node, 2, wide);
    const char *best = second_if_less(e, node, x, low, x, low, wide);
    return second_if_less(e, node, high, best, best, high, wide);
}

static const char *absolute(mp_emit *e, const mp_node *node, bool wide)
{
    const char *x = mp__emit_use(e, node->args[0], wide);
    if (node->type == MP_TYPE_FLOAT) {
        x = mp__emit_real(e, node->args[0], wide);
        return mp__emit_intrinsic(e, "fabs", 1, &x, wide);
    }
    const char *type = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *zero = wide ? "zeroinitializer" : "0";
    const char *minus = mp__emit_let(e, "sub %s %s, %s", type, zero, x);
    return second_if_less(e, node, x, zero, x, minus, wide);
}

static const char *sign(mp_emit *e, const mp_node *node, bool wide)
{
    const char *type = mp__emit_type(e, node->type, wide);
    if (node->type == MP_TYPE_INT) {
        const char *x = mp__emit_use(e, node->args[0], wide);
        const char *zero = wide ? "zeroinitializer" : "0";
        const char *less = mp__emit_let(e, "icmp slt %s %s, %s", type, x, zero);
        const char *more = mp__emit_let(e, "icmp sgt %s %s, %s", type, x, zero);
        less = mp__emit_let(e, "sext %s %s to %s", bits(e, wide), less, type);
        more = mp__emit_let(e, "sext %s %s to %s", bits(e, wide), more, type);
        return mp__emit_let(e, "sub %s %s, %s", type, less, more);
    }
    const char *x = mp__emit_real(e, node->args[0], wide);
    const char *zero = number(e, 0, wide);
    const char *less = binary(e, "fcmp olt", x, zero, wide);
    const char *more = binary(e, "fcmp ogt", x, zero, wide);
    const char *nan = binary(e, "fcmp uno", x, x, wide);
    const char *value = pick(e, type, less, number(e, -1, wide), zero, wide);
    value = pick(e, type, more, number(e, 1, wide), value, wide);
    return pick(e, type, nan, x, value, wide);
}

/* ---- the rest ----------------------------------------------------------- */

/* isfinite, isinf, isnan. */
static const char *predicate(mp_emit *e, const mp_node *node, bool wide)
{
    const char *x = mp__emit_real(e, node->args[0], wide);
    const char *result;
    if (node->as.builtin == MP_BUILTIN_NUM_ISNAN) {
        result = binary(e, "fcmp uno", x, x, wide);
    } else {
        x = mp__emit_intrinsic(e, "fabs", 1, &x, wide);
        result = binary(e,
                        node->as.builtin == MP_BUILTIN_NUM_ISINF ? "fcmp oeq"
                                                                 : "fcmp olt",
                        x, number(e, (double)INFINITY, wide), wide);
    }
    return mp__emit_of_bits(e, result, wide);
}

static const char *lerp(mp_emit *e, const mp_node *node, bool wide)
{
    const char *a = mp__emit_real(e, node->args[0], wide);
    const char *b = mp__emit_real(e, node->args[1], wide);
    const char *t = mp__emit_real(e, node->args[2], wide);
    const char *rest = binary(e, "fsub", number(e, 1, wide), t, wide);
    return binary(e, "fadd", binary(e, "fmul", rest, a, wide),
                  binary(e, "fmul", t, b, wide), wide);
}

/* A helper of two ints or two floats. */
static const char *helper_of_two(mp_emit *e, const mp_node *node,
                                 const char *name, mp_type type, bool wide)
{
    const char *arg = mp__emit_type(e, type, wide);
    const char *a = type == MP_TYPE_INT ? mp__emit_use(e, node->args[0], wide)
                                        : mp__emit_real(e, node->args[0], wide);
    const char *b = type == MP_TYPE_INT ? mp__emit_use(e, node->args[1], wide)
                                        : mp__emit_real(e, node->args[1], wide);
    return mp__emit_let(e, "call %s %s(%s %s, %s %s)",
                        mp__emit_type(e, node->type, wide),
                        mp__emit_helper(e, name, wide), arg, a, arg, b);
}

/* C's remainder: of ints it fails for 0. */
static const char *remainder_of(mp_emit *e, const mp_node *node, bool wide)
{
    if (node->type == MP_TYPE_FLOAT)
        return helper_of_two(e, node, "mp.crem", MP_TYPE_FLOAT, wide);
    const char *type = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *a = mp__emit_use(e, node->args[0], wide);
    const char *b = mp__emit_divisor(e, node, wide);
    return mp__emit_let(e, "call %s %s(%s %s, %s %s)", type,
                        mp__emit_helper(e, "mp.irem", wide), type, a, type, b);
}

static const char *unsigned_less(mp_emit *e, const mp_node *node, bool wide)
{
    const char *a = mp__emit_use(e, node->args[0], wide);
    const char *b = mp__emit_use(e, node->args[1], wide);
    const char *less = mp__emit_let(e, "icmp ult %s %s, %s",
                                    mp__emit_type(e, MP_TYPE_INT, wide), a, b);
    return mp__emit_of_bits(e, less, wide);
}

/* Builtins that neither C's library nor LLVM has as they are. */
static const char *special(mp_emit *e, const mp_node *node, bool wide)
{
    switch ((int)node->as.builtin) {
    case MP_BUILTIN_MATH_ABS:
        return absolute(e, node, wide);
    case MP_BUILTIN_MATH_ATAN:
        return arc_tangent(e, node, wide);
    case MP_BUILTIN_MATH_CEIL:
        return round_to_int(e, node, "ceil", wide);
    case MP_BUILTIN_MATH_FLOOR:
        return round_to_int(e, node, "floor", wide);
    case MP_BUILTIN_MATH_MODF:
        return round_to_int(e, node, "trunc", wide);
    case MP_BUILTIN_MATH_TOINTEGER:
        return round_to_int(e, node, NULL, wide);
    case MP_BUILTIN_MATH_MODF_FRACTION:
        return fraction(e, node, wide);
    case MP_BUILTIN_MATH_DEG:
        return binary(e, "fmul", mp__emit_real(e, node->args[0], wide),
                      number(e, 180.0 / PI, wide), wide);
    case MP_BUILTIN_MATH_RAD:
        return binary(e, "fmul", mp__emit_real(e, node->args[0], wide),
                      number(e, PI / 180.0, wide), wide);
    case MP_BUILTIN_MATH_FMOD:
        return remainder_of(e, node, wide);
    case MP_BUILTIN_MATH_LOG:
        return logarithm(e, node, wide);
    case MP_BUILTIN_MATH_MAX:
        return extreme(e, node, true, wide);
    case MP_BUILTIN_MATH_MIN:
        return extreme(e, node, false, wide);
    case MP_BUILTIN_MATH_ULT:
        return unsigned_less(e, node, wide);
    case MP_BUILTIN_NUM_CLAMP:
        return clamp(e, node, wide);
    case MP_BUILTIN_NUM_LERP:
        return lerp(e, node, wide);
    case MP_BUILTIN_NUM_SIGN:
        return sign(e, node, wide);
    case MP_BUILTIN_NUM_RANDOM:
        return helper_of_two(e, node, "mp.random", MP_TYPE_INT, wide);
    case MP_BUILTIN_NUM_NORMAL:
        return helper_of_two(e, node, "mp.normal", MP_TYPE_INT, wide);
    default:
        return predicate(e, node, wide);
    }
}

void mp__emit_builtin(mp_emit *e, const mp_node *node)
{
    bool wide = mp__emit_is_wide(e, node);
    const char *function = functions[node->as.builtin];
    const char *intrinsic = intrinsics[node->as.builtin];
    const char *value;
    if (node->single && wide) {
        mp__emit_single_op(e, node);
        return;
    }
    if (function != NULL || intrinsic != NULL) {
        const char *args[3];
        for (int k = 0; k < node->nargs; k++)
            args[k] = mp__emit_real(e, node->args[k], wide);
        value = function != NULL
                    ? mp__emit_call(e, function, node->nargs, args, wide)
                    : mp__emit_intrinsic(e, intrinsic, node->nargs, args, wide);
    } else {
        value = special(e, node, wide);
    }
    mp__emit_set(e, node, value, wide);
}
