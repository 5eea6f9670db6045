/* Corners: ranges of sums and products of several integers.
 *
 *     alpha * front + (255 - alpha) * back
 *
 * Of bytes, each of the products is at most 255 * 255, and so is their sum,
 * which the ranges of the products do not tell: alpha is in both. But the sum
 * is linear in each of its variables, and what is so has its extremes where
 * all variables have theirs: at one of the corners of the box of all their
 * values. There are 2^n corners, so n is kept small. */
#include "native/corner.h"

/* Variables of a node, at most. */
#define MOST 6

struct mp_corners {
    int count;
    const mp_node *variables[MOST]; /* by id, upwards */
    /* Corner k has the greatest value of variable j where bit j of k is 1. */
    int64_t values[];
};

static mp_corners *make(mp_unit *unit, int count)
{
    mp_corners *c = mp__unit_alloc(unit, sizeof *c + ((size_t)1 << count) *
                                                         sizeof(int64_t));
    c->count = count;
    return c;
}

mp_corners *mp__corner_variable(mp_unit *unit, const mp_node *node,
                                mp_fact range)
{
    bool constant = range.low == range.high;
    mp_corners *c = make(unit, constant ? 0 : 1);
    c->values[0] = range.low;
    if (!constant) {
        c->variables[0] = node;
        c->values[1] = range.high;
    }
    return c;
}

/* The variables of both, and the bit of each that a variable is of `a` and of
 * `b`; or -1: too many. */
static int join(const mp_corners *a, const mp_corners *b,
                const mp_node **variables, int bits[2][MOST])
{
    int count = 0;
    for (int i = 0, j = 0; i < a->count || j < b->count; count++) {
        const mp_node *x = i < a->count ? a->variables[i] : NULL;
        const mp_node *y = j < b->count ? b->variables[j] : NULL;
        if (count == MOST)
            return -1;
        bool first = y == NULL || (x != NULL && x->id <= y->id);
        bool second = x == NULL || (y != NULL && y->id <= x->id);
        variables[count] = first ? x : y;
        bits[0][count] = first ? 1 << i++ : 0;
        bits[1][count] = second ? 1 << j++ : 0;
    }
    return count;
}

static bool overflows(mp_op op, int64_t x, int64_t y, int64_t *value)
{
    if (op == MP_OP_MUL)
        return __builtin_mul_overflow(x, y, value);
    if (op == MP_OP_SUB)
        return __builtin_sub_overflow(x, y, value);
    return __builtin_add_overflow(x, y, value);
}

mp_corners *mp__corner_of(mp_unit *unit, mp_op op, const mp_corners *a,
                          const mp_corners *b)
{
    const mp_node *variables[MOST];
    int bits[2][MOST];
    int count = join(a, b, variables, bits);
    /* A variable in both factors would be squared. */
    if (count < 0 || (op == MP_OP_MUL && count < a->count + b->count))
        return NULL;
    mp_corners *c = make(unit, count);
    for (int k = 0; k < count; k++)
        c->variables[k] = variables[k];
    for (int corner = 0; corner < 1 << count; corner++) {
        int x = 0, y = 0;
        for (int k = 0; k < count; k++) {
            if ((corner >> k & 1) != 0) {
                x |= bits[0][k];
                y |= bits[1][k];
            }
        }
        if (overflows(op, a->values[x], b->values[y], &c->values[corner]))
            return NULL;
    }
    return c;
}

mp_fact mp__corner_range(const mp_corners *corners)
{
    mp_fact range = mp__fact_none();
    for (int k = 0; k < 1 << corners->count; k++)
        range = mp__fact_join(
            range, mp__fact_ints(corners->values[k], corners->values[k]));
    return range;
}
