/* Powers with a constant exponent. pow() is many times slower than a product,
 * and the one for vectors no more exact: it is within 4 ulp of the right
 * result, and so are these. A strict kernel, which wants the bits of C's pow(),
 * keeps all but those with the same bits.
 *
 * They agree in special cases too. pow(x, 0.5) is no sqrt(x): it is infinite
 * for -inf, and 0 rather than -0 for -0. x^-2 is not 1 / (x * x), which is 0
 * already where x^-2 is just very small. */
#include <math.h>

#include "native/fold.h"

static mp_node *product(mp_func *func, mp_node *node, mp_node *a, mp_node *b)
{
    return mp__fold_make(node, func, MP_OP_MUL, MP_TYPE_FLOAT, 2, a, b);
}

/* sqrt(x), but 0 for -0. */
static mp_node *root(mp_func *func, mp_node *node)
{
    mp_node *made = mp__fold_make(node, func, MP_OP_BUILTIN, MP_TYPE_FLOAT, 1,
                                  node->args[0]);
    made->as.builtin = MP_BUILTIN_MATH_SQRT;
    return mp__fold_make(node, func, MP_OP_ADD, MP_TYPE_FLOAT, 2, made,
                         mp__fold_float(func, 0.0));
}

/* `value`, which is NaN for -inf, with the right one for it. */
static mp_node *but_for_infinity(mp_func *func, mp_node *node, mp_node *value,
                                 double right)
{
    mp_node *is_infinite =
        mp__fold_make(node, func, MP_OP_EQ, MP_TYPE_BOOL, 2, node->args[0],
                      mp__fold_float(func, -(double)INFINITY));
    return mp__fold_make(node, func, MP_OP_SELECT, MP_TYPE_FLOAT, 3,
                         is_infinite, mp__fold_float(func, right), value);
}

static mp_node *with_root(mp_func *func, mp_node *node, double exponent)
{
    if (exponent == 0.5)
        return but_for_infinity(func, node, root(func, node), (double)INFINITY);
    if (exponent == -0.5) {
        mp_node *inverse =
            mp__fold_make(node, func, MP_OP_DIV, MP_TYPE_FLOAT, 2,
                          mp__fold_float(func, 1.0), root(func, node));
        return but_for_infinity(func, node, inverse, 0.0);
    }
    if (exponent != 1.5)
        return NULL;
    mp_node *value =
        mp__fold_make(node, func, MP_OP_ADD, MP_TYPE_FLOAT, 2,
                      product(func, node, node->args[0], root(func, node)),
                      mp__fold_float(func, 0.0));
    return but_for_infinity(func, node, value, (double)INFINITY);
}

/* x^n for a small n of at least 1. Squaring doubles an error and adds one, of
 * half an ulp: that makes 3.5 for x^8. What is lost on the way to a number too
 * small to be exact is lost in the end. */
static mp_node *whole_power(mp_func *func, mp_node *node, int n)
{
    mp_node *x = node->args[0];
    if (n == 1)
        return x;
    if (n % 2 == 1)
        return product(func, node, whole_power(func, node, n - 1), x);
    mp_node *half = whole_power(func, node, n / 2);
    return product(func, node, half, half);
}

static mp_node *with_products(mp_func *func, mp_node *node, double exponent)
{
    if (exponent == -1)
        return mp__fold_make(node, func, MP_OP_DIV, MP_TYPE_FLOAT, 2,
                             mp__fold_float(func, 1.0), node->args[0]);
    if (exponent < 2 || exponent > 8 || floor(exponent) != exponent)
        return NULL;
    return whole_power(func, node, (int)exponent);
}

mp_node *mp__fold_power(mp_func *func, mp_node *node)
{
    const mp_node *power = node->args[1];
    if (power->op != MP_OP_CONST)
        return NULL;
    double exponent = power->as.f;
    if (exponent == 0)
        return mp__fold_float(func, 1.0);
    if (exponent == 1)
        return node->args[0];
    if (func->spec->strict)
        return NULL;
    mp_node *made = with_products(func, node, exponent);
    return made != NULL ? made : with_root(func, node, exponent);
}
