/* Comparisons of an integer with a float.
 *
 * Lua compares their values, and rounds neither. Where one is a constant the
 * other can be compared with its neighbour of the other kind: of integers,
 * i < 2.5 is i < 3. An integer that converts exactly may be converted. What is
 * left stays mixed. */
#include <math.h>

#include "native/infer.h"

static bool is_const_float(const mp_node *node)
{
    return node->op == MP_OP_CONST && node->type == MP_TYPE_FLOAT;
}

/* The integer that stands for the float `value` in `node`, of which it is
 * argument k; or, where `*known`, the result. */
static int64_t stand_in(const mp_node *node, int k, double value, bool *known,
                        bool *result)
{
    *known = true;
    *result = false;
    if (isnan(value) || (node->op == MP_OP_EQ && floor(value) != value))
        return 0;
    /* i < 2.5 and 2.5 <= i round up, i <= 2.5 and 2.5 < i down. */
    bool up = (node->op == MP_OP_LT) == (k == 1);
    double rounded = up ? ceil(value) : floor(value);
    bool above = rounded >= 0x1p63;
    if (above || rounded < -0x1p63) {
        *result = node->op != MP_OP_EQ && above == (k == 1);
        return 0;
    }
    *known = false;
    return (int64_t)rounded;
}

/* An integer compared with argument k, a constant. */
static mp_node *with_constant(mp_infer *infer, mp_node *node, int k)
{
    bool known, result;
    int64_t value = stand_in(node, k, node->args[k]->as.f, &known, &result);
    if (known)
        return mp__infer_bool(infer, result);
    node->args[k] = mp__infer_int(infer, value);
    return NULL;
}

mp_node *mp__infer_compare(mp_infer *infer, mp_node *node)
{
    for (int k = 0; k < 2; k++) {
        mp_node *a = node->args[k], *b = node->args[1 - k];
        if (a->type != MP_TYPE_FLOAT || b->type != MP_TYPE_INT)
            continue;
        if (is_const_float(a))
            return with_constant(infer, node, k);
        if (mp__infer_fact(infer, b).exact)
            node->args[1 - k] = mp__infer_to_float(infer, b);
    }
    return NULL;
}
