/* Identities: operations that give one of their arguments, or that a cheaper
 * one gives as well, for all values, -0 and NaN among them.
 *
 * What is missing here is missing on purpose: x + 0.0 is 0 for -0, x * 0.0 is
 * -0 for negative numbers, 0.0 - x is 0 for 0, and a NaN equals nothing. */
#include <math.h>

#include "native/fold.h"

static bool is_const(const mp_node *node)
{
    return node->op == MP_OP_CONST;
}

static bool is_bool(const mp_node *node, bool value)
{
    return is_const(node) && node->type == MP_TYPE_BOOL && node->as.b == value;
}

static mp_node *negative(mp_func *func, mp_node *node, mp_node *x)
{
    return mp__fold_make(node, func, MP_OP_UNM, node->type, 1, x);
}

/* ---- integers ----------------------------------------------------------- */

static mp_node *int_sum(mp_func *func, mp_node *node)
{
    mp_node *a = node->args[0], *b = node->args[1];
    if (mp__fold_is_int(b, 0))
        return a;
    if (node->op == MP_OP_ADD)
        return mp__fold_is_int(a, 0) ? b : NULL;
    if (a == b)
        return mp__fold_int(func, 0);
    return mp__fold_is_int(a, 0) ? negative(func, node, b) : NULL;
}

static mp_node *int_product(mp_func *func, mp_node *node)
{
    for (int k = 0; k < 2; k++) {
        mp_node *x = node->args[k], *c = node->args[1 - k];
        if (mp__fold_is_int(c, 0))
            return c;
        if (mp__fold_is_int(c, 1))
            return x;
        if (mp__fold_is_int(c, -1))
            return negative(func, node, x);
    }
    return NULL;
}

static mp_node *int_division(mp_func *func, mp_node *node)
{
    mp_node *x = node->args[0], *c = node->args[1];
    bool modulo = node->op == MP_OP_MOD;
    if (mp__fold_is_int(c, 1))
        return modulo ? mp__fold_int(func, 0) : x;
    if (mp__fold_is_int(c, -1))
        return modulo ? mp__fold_int(func, 0) : negative(func, node, x);
    /* Modulo of a power of two, with the sign of that. */
    if (modulo && is_const(c) && c->as.i > 0 && (c->as.i & (c->as.i - 1)) == 0)
        return mp__fold_make(node, func, MP_OP_BAND, MP_TYPE_INT, 2, x,
                             mp__fold_int(func, c->as.i - 1));
    return NULL;
}

static mp_node *bitwise(mp_func *func, mp_node *node)
{
    mp_op op = node->op;
    if (node->args[0] == node->args[1])
        return op == MP_OP_BXOR ? mp__fold_int(func, 0) : node->args[0];
    for (int k = 0; k < 2; k++) {
        mp_node *x = node->args[k], *c = node->args[1 - k];
        if (mp__fold_is_int(c, 0))
            return op == MP_OP_BAND ? c : x;
        if (!mp__fold_is_int(c, -1))
            continue;
        if (op != MP_OP_BXOR)
            return op == MP_OP_BAND ? x : c;
        return mp__fold_make(node, func, MP_OP_BNOT, MP_TYPE_INT, 1, x);
    }
    return NULL;
}

/* ---- floats ------------------------------------------------------------- */

static mp_node *float_sum(const mp_node *node)
{
    mp_node *a = node->args[0], *b = node->args[1];
    if (node->op == MP_OP_SUB)
        return mp__fold_is_float(b, 0.0) ? a : NULL;
    if (mp__fold_is_float(b, -0.0))
        return a;
    return mp__fold_is_float(a, -0.0) ? b : NULL;
}

/* Twice a number is a sum, which needs no constant in a register. */
static mp_node *float_product(mp_func *func, mp_node *node)
{
    for (int k = 0; k < 2; k++) {
        mp_node *x = node->args[k], *c = node->args[1 - k];
        if (mp__fold_is_float(c, 1.0))
            return x;
        if (mp__fold_is_float(c, 2.0))
            return mp__fold_make(node, func, MP_OP_ADD, MP_TYPE_FLOAT, 2, x, x);
    }
    return NULL;
}

/* Division by a power of two is multiplication by another: both are rounded
 * from the same number. */
static mp_node *division(mp_func *func, mp_node *node)
{
    mp_node *x = node->args[0], *c = node->args[1];
    int exponent;
    if (mp__fold_is_float(c, 1.0))
        return x;
    if (!is_const(c) || !isfinite(c->as.f) ||
        fabs(frexp(c->as.f, &exponent)) != 0.5 || !isfinite(1 / c->as.f))
        return NULL;
    return mp__fold_make(node, func, MP_OP_MUL, MP_TYPE_FLOAT, 2, x,
                         mp__fold_float(func, 1 / c->as.f));
}

/* ---- booleans ----------------------------------------------------------- */

static mp_node *comparison(mp_func *func, mp_node *node)
{
    mp_node *a = node->args[0], *b = node->args[1];
    if (a == b && node->op == MP_OP_LT)
        return mp__fold_bool(func, false);
    if (a == b && a->type != MP_TYPE_FLOAT)
        return mp__fold_bool(func, true);
    if (node->op != MP_OP_EQ || a->type != MP_TYPE_BOOL)
        return NULL;
    for (int k = 0; k < 2; k++) {
        if (is_bool(node->args[k], true))
            return node->args[1 - k];
        if (is_bool(node->args[k], false))
            return mp__fold_make(node, func, MP_OP_NOT, MP_TYPE_BOOL, 1,
                                 node->args[1 - k]);
    }
    return NULL;
}

static mp_node *logic(mp_func *func, mp_node *node)
{
    mp_node *a = node->args[0], *b = node->args[1];
    bool neutral = node->op == MP_OP_AND;
    if (node->op == MP_OP_ANDN) {
        if (a == b || is_bool(a, false) || is_bool(b, true))
            return mp__fold_bool(func, false);
        if (is_bool(a, true))
            return mp__fold_make(node, func, MP_OP_NOT, MP_TYPE_BOOL, 1, b);
        return is_bool(b, false) ? a : NULL;
    }
    for (int k = 0; k < 2; k++) {
        if (is_bool(node->args[k], neutral))
            return node->args[1 - k];
        if (is_bool(node->args[k], !neutral))
            return node->args[k];
    }
    return a == b ? a : NULL;
}

static mp_node *selection(mp_func *func, mp_node *node)
{
    mp_node *cond = node->args[0], *then = node->args[1];
    mp_node *other = node->args[2];
    if (is_const(cond))
        return cond->as.b ? then : other;
    if (then == other)
        return then;
    if (cond->op == MP_OP_NOT)
        return mp__fold_make(node, func, MP_OP_SELECT, node->type, 3,
                             cond->args[0], other, then);
    if (node->type != MP_TYPE_BOOL)
        return NULL;
    if (is_bool(other, false))
        return mp__fold_make(node, func, MP_OP_AND, MP_TYPE_BOOL, 2, cond,
                             then);
    if (is_bool(then, true))
        return mp__fold_make(node, func, MP_OP_OR, MP_TYPE_BOOL, 2, cond,
                             other);
    if (is_bool(then, false))
        return mp__fold_make(node, func, MP_OP_ANDN, MP_TYPE_BOOL, 2, other,
                             cond);
    if (is_bool(other, true))
        return mp__fold_make(
            node, func, MP_OP_OR, MP_TYPE_BOOL, 2, then,
            mp__fold_make(node, func, MP_OP_NOT, MP_TYPE_BOOL, 1, cond));
    return NULL;
}

/* A TINDEX of constants. */
static bool is_inside(const mp_node *node)
{
    const mp_node *index = node->args[0], *length = node->args[1];
    return index->op == MP_OP_CONST && length->op == MP_OP_CONST &&
           index->as.i >= 1 && index->as.i <= length->as.i;
}

/* ---- all ---------------------------------------------------------------- */

/* -(-x), ~~x, not not x */
static mp_node *twice(const mp_node *node)
{
    return node->args[0]->op == node->op ? node->args[0]->args[0] : NULL;
}

mp_node *mp__fold_identity(mp_func *func, mp_node *node)
{
    bool whole = node->type == MP_TYPE_INT;
    switch ((int)node->op) {
    case MP_OP_ADD:
    case MP_OP_SUB:
        return whole ? int_sum(func, node) : float_sum(node);
    case MP_OP_MUL:
        return whole ? int_product(func, node) : float_product(func, node);
    case MP_OP_DIV:
        return division(func, node);
    case MP_OP_IDIV:
    case MP_OP_MOD:
        return whole ? int_division(func, node) : NULL;
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
        return bitwise(func, node);
    case MP_OP_SHL:
    case MP_OP_SHR:
        return mp__fold_is_int(node->args[1], 0) ? node->args[0] : NULL;
    case MP_OP_UNM:
    case MP_OP_BNOT:
    case MP_OP_NOT:
        return twice(node);
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
        return comparison(func, node);
    case MP_OP_AND:
    case MP_OP_OR:
    case MP_OP_ANDN:
        return logic(func, node);
    case MP_OP_SELECT:
        return selection(func, node);
    case MP_OP_TINDEX:
        return is_inside(node) ? node->args[0] : NULL;
    }
    return NULL;
}
