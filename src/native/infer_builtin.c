/* Builtins that plain operations can do, as src/core/lib and Lua's lmathlib.c
 * do them. All arguments have their types already. */
#include <math.h>

#include "native/builtin_type.h"
#include "native/infer.h"

/* Lua's own value of pi. */
#define PI 3.141592653589793238462643383279502884

static mp_node *make(mp_infer *infer, mp_node *before, mp_op op, mp_type type,
                     int nargs, mp_node *const *args)
{
    mp_node *node = mp__ir_node(infer->func, op, before->line, nargs, args);
    node->type = type;
    mp__ir_insert(before, node);
    mp__infer_learn(infer, node, mp__infer_rule(infer, node));
    return node;
}

static mp_node *two(mp_infer *infer, mp_node *before, mp_op op, mp_node *a,
                    mp_node *b)
{
    mp_node *args[] = {a, b};
    bool test = op == MP_OP_EQ || op == MP_OP_LT;
    return make(infer, before, op, test ? MP_TYPE_BOOL : a->type, 2, args);
}

static mp_node *choose(mp_infer *infer, mp_node *before, mp_node *cond,
                       mp_node *then, mp_node *other)
{
    mp_node *args[] = {cond, then, other};
    return make(infer, before, MP_OP_SELECT, then->type, 3, args);
}

static mp_node *call(mp_infer *infer, mp_node *before, mp_builtin builtin,
                     mp_node *arg)
{
    mp_node *node =
        mp__ir_node(infer->func, MP_OP_BUILTIN, before->line, 1, &arg);
    node->as.builtin = builtin;
    node->type = MP_TYPE_FLOAT;
    mp__ir_insert(before, node);
    mp__infer_learn(infer, node, mp__fact_of(MP_MAY_FLOAT));
    return node;
}

static mp_node *number(mp_infer *infer, mp_type type, int value)
{
    return type == MP_TYPE_INT ? mp__infer_int(infer, value)
                               : mp__infer_float(infer, value);
}

/* -1, 0 or 1; a NaN is none of them and stays. */
static mp_node *sign(mp_infer *infer, mp_node *node)
{
    mp_node *x = node->args[0];
    mp_node *zero = number(infer, x->type, 0);
    mp_node *below = two(infer, node, MP_OP_LT, x, zero);
    mp_node *above = two(infer, node, MP_OP_LT, zero, x);
    mp_node *rest = zero;
    if (x->type == MP_TYPE_FLOAT)
        rest = choose(infer, node, two(infer, node, MP_OP_EQ, x, x), zero, x);
    rest = choose(infer, node, below, number(infer, x->type, -1), rest);
    return choose(infer, node, above, number(infer, x->type, 1), rest);
}

/* (1 - t) * a + t * b */
static mp_node *lerp(mp_infer *infer, mp_node *node)
{
    mp_node *a = node->args[0], *b = node->args[1], *t = node->args[2];
    mp_node *rest = two(infer, node, MP_OP_SUB, mp__infer_float(infer, 1), t);
    mp_node *from = two(infer, node, MP_OP_MUL, rest, a);
    return two(infer, node, MP_OP_ADD, from, two(infer, node, MP_OP_MUL, t, b));
}

/* What is behind the point; 0 for an infinity. */
static mp_node *fraction(mp_infer *infer, mp_node *node)
{
    mp_node *x = node->args[0];
    mp_node *whole = call(infer, node, MP_BUILTIN_NUM_TRUNC, x);
    return choose(infer, node, two(infer, node, MP_OP_EQ, x, whole),
                  mp__infer_float(infer, 0),
                  two(infer, node, MP_OP_SUB, x, whole));
}

/* math.log(x, base): C has functions of its own for two bases. */
static mp_node *log_base(mp_infer *infer, mp_node *node)
{
    mp_node *x = node->args[0], *base = node->args[1];
    bool known = base->op == MP_OP_CONST;
    if (known && base->as.f == 2)
        return call(infer, node, MP_BUILTIN_NUM_LOG2, x);
    if (known && base->as.f == 10)
        return call(infer, node, MP_BUILTIN_NUM_LOG10, x);
    mp_node *quotient =
        two(infer, node, MP_OP_DIV, call(infer, node, MP_BUILTIN_MATH_LOG, x),
            call(infer, node, MP_BUILTIN_MATH_LOG, base));
    if (known)
        return quotient;
    mp_node *is_two =
        two(infer, node, MP_OP_EQ, base, mp__infer_float(infer, 2));
    mp_node *is_ten =
        two(infer, node, MP_OP_EQ, base, mp__infer_float(infer, 10));
    mp_node *other =
        choose(infer, node, is_ten, call(infer, node, MP_BUILTIN_NUM_LOG10, x),
               quotient);
    return choose(infer, node, is_two,
                  call(infer, node, MP_BUILTIN_NUM_LOG2, x), other);
}

/* A float rounded to an integer. Where it may stay a float it loses the sign
 * of -0, which the integer 0 has not. */
static mp_node *rounded(mp_infer *infer, mp_node *node)
{
    mp_node *value = node->args[0];
    bool modf = node->as.builtin == MP_BUILTIN_MATH_MODF;
    if (modf)
        value = call(infer, node, MP_BUILTIN_NUM_TRUNC, value);
    if (node->type == MP_TYPE_FLOAT) {
        if (!modf)
            value = call(infer, node, node->as.builtin, value);
        return two(infer, node, MP_OP_ADD, value, mp__infer_float(infer, 0));
    }
    if (modf) {
        node->args[0] = value;
        node->as.builtin = MP_BUILTIN_MATH_FLOOR;
    }
    return NULL;
}

static mp_node *convert(mp_infer *infer, mp_node *node)
{
    return make(infer, node, MP_OP_F2I, MP_TYPE_INT, 1, node->args);
}

static mp_node *by_name(mp_infer *infer, mp_node *node)
{
    switch ((int)node->as.builtin) {
    case MP_BUILTIN_NUM_SIGN:
        return sign(infer, node);
    case MP_BUILTIN_NUM_LERP:
        return lerp(infer, node);
    case MP_BUILTIN_MATH_MODF_FRACTION:
        return fraction(infer, node);
    case MP_BUILTIN_MATH_RAD:
        return two(infer, node, MP_OP_MUL, node->args[0],
                   mp__infer_float(infer, PI / 180.0));
    case MP_BUILTIN_MATH_DEG:
        return two(infer, node, MP_OP_MUL, node->args[0],
                   mp__infer_float(infer, 180.0 / PI));
    case MP_BUILTIN_MATH_LOG:
        return node->nargs == 2 ? log_base(infer, node) : NULL;
    case MP_BUILTIN_MATH_ATAN:
        if (node->nargs == 2)
            node->as.builtin = MP_BUILTIN_NUM_ATAN2;
        break;
    }
    return NULL;
}

mp_node *mp__infer_builtin(mp_infer *infer, mp_node *node)
{
    bool whole = node->args[0]->type == MP_TYPE_INT;
    switch (mp__builtin_type(node->as.builtin)) {
    case MP_BUILTIN_ROUND:
        return whole ? node->args[0] : rounded(infer, node);
    case MP_BUILTIN_CONVERT:
        return whole ? node->args[0] : convert(infer, node);
    case MP_BUILTIN_CHOICE:
        return node->args[0];
    case MP_BUILTIN_REAL:
    case MP_BUILTIN_TEST:
    case MP_BUILTIN_SAME:
    case MP_BUILTIN_RANDOM:
    case MP_BUILTIN_UNSIGNED:
        break;
    }
    return by_name(infer, node);
}
