/* How long code takes at worst.
 *
 * Loops look at the job's stop once in some thousand rounds. A round that calls
 * fmod() a few times, which takes microseconds where one argument is far larger
 * than the other, counts for many of them. */
#include "native/cost.h"

/* So many ns are what one round is good for. */
#define GRAIN 256

static int64_t cost_of_builtin(mp_builtin builtin)
{
    switch ((int)builtin) {
    case MP_BUILTIN_MATH_FMOD:
    case MP_BUILTIN_NUM_REMAINDER:
        return 10000;
    case MP_BUILTIN_MATH_ABS:
    case MP_BUILTIN_MATH_CEIL:
    case MP_BUILTIN_MATH_FLOOR:
    case MP_BUILTIN_MATH_MAX:
    case MP_BUILTIN_MATH_MIN:
    case MP_BUILTIN_MATH_SQRT:
    case MP_BUILTIN_NUM_COPYSIGN:
    case MP_BUILTIN_NUM_FMA:
    case MP_BUILTIN_NUM_ISFINITE:
    case MP_BUILTIN_NUM_ISINF:
    case MP_BUILTIN_NUM_ISNAN:
        return 2;
    }
    return 100;
}

/* For one lane. */
static int64_t cost_of_lane(const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_BUILTIN:
        return cost_of_builtin(node->as.builtin);
    case MP_OP_MOD:
        return node->type == MP_TYPE_FLOAT ? 10000 : 10;
    case MP_OP_POW:
        return 100;
    case MP_OP_IDIV:
    case MP_OP_LOAD:
    case MP_OP_STORE:
    case MP_OP_ITEM:
        return 10;
    }
    return 1;
}

int64_t mp__cost_of_node(const mp_func *func, const mp_node *node)
{
    bool wide = node->shape != MP_SHAPE_UNIFORM || node->op == MP_OP_STORE;
    return cost_of_lane(node) * (wide ? func->spec->lanes : 1);
}

int64_t mp__cost_of_round(const mp_func *func, const mp_block *header)
{
    int64_t cost = 0;
    for (int k = 0; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        if (block->header != header)
            continue;
        for (const mp_node *n = block->first; n != NULL; n = n->next)
            cost += mp__cost_of_node(func, n);
    }
    return cost;
}

int64_t mp__cost_weight(int64_t cost)
{
    return 1 + cost / GRAIN;
}
