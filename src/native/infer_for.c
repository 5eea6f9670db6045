/* Numeric for: FOR_START, FOR_LIMIT and FOR_TEST become plain operations, of
 * integers or floats, which does what lvm.c of Lua 5.3.6 does.
 *
 * A loop counts in integers where start and step are integers. Its limit may
 * be a float then, and is cut off to the nearest integer inside. One that no
 * integer reaches lets the loop run to the last integer, or not at all: for
 * this it is made to start at 0, on the wrong side of the limit. */
#include "native/infer.h"

typedef enum sign { UP, DOWN, UNKNOWN } sign;

/* Where a loop with this step goes. A step of 0 counts as down in the test,
 * but as up when its limit is clipped. */
static sign direction(const mp_infer *infer, const mp_node *step, bool clipping)
{
    mp_fact fact = mp__infer_fact(infer, step);
    if (step->op == MP_OP_CONST && step->type == MP_TYPE_FLOAT)
        return step->as.f > 0 ? UP : DOWN;
    if (!mp__fact_only(fact, MP_MAY_INT))
        return UNKNOWN;
    if (fact.low >= (clipping ? 0 : 1))
        return UP;
    return fact.high <= (clipping ? -1 : 0) ? DOWN : UNKNOWN;
}

/* Whether a loop counts in integers; refuses where that depends on the item. */
static bool counts_ints(const mp_infer *infer, const mp_node *node)
{
    mp_fact init = mp__infer_fact(infer, node->args[0]);
    mp_fact step = mp__infer_fact(infer, node->args[2]);
    if (mp__fact_only(init, MP_MAY_INT) && mp__fact_only(step, MP_MAY_INT))
        return true;
    if (!mp__fact_only(init, MP_MAY_FLOAT) &&
        !mp__fact_only(step, MP_MAY_FLOAT))
        mp__unit_refuse(infer->unit, node->line,
                        "write 1.0 for 1, or math.floor() for an integer",
                        "whether a loop counts in integers or in floats "
                        "depends on the item");
    return false;
}

/* ---- a float as the limit of an integer loop ---------------------------- */

static mp_node *round_float(mp_infer *infer, mp_node *before, mp_node *x,
                            mp_builtin builtin)
{
    mp_node *node =
        mp__infer_make(infer, before, MP_OP_BUILTIN, before->line, 1, x);
    node->as.builtin = builtin;
    mp__infer_learn(infer, node, mp__fact_of(MP_MAY_FLOAT));
    return node;
}

static mp_node *goes_down(mp_infer *infer, mp_node *node)
{
    return mp__infer_make(infer, node, MP_OP_LT, node->line, 2, node->args[2],
                          mp__infer_int(infer, 0));
}

/* A limit in the range of integers, rounded towards the start. */
static mp_node *rounded_limit(mp_infer *infer, mp_node *node, mp_node *limit)
{
    mp_node *up = NULL, *down = NULL;
    sign to = direction(infer, node->args[2], true);
    if (to != DOWN)
        up = round_float(infer, node, limit, MP_BUILTIN_MATH_FLOOR);
    if (to != UP)
        down = round_float(infer, node, limit, MP_BUILTIN_MATH_CEIL);
    mp_node *rounded = up != NULL ? up : down;
    if (to == UNKNOWN)
        rounded = mp__infer_make(infer, node, MP_OP_SELECT, node->line, 3,
                                 goes_down(infer, node), down, up);
    return mp__infer_make(infer, node, MP_OP_F2I, node->line, 1, rounded);
}

/* -2^63 <= limit; a NaN is too small too. */
static mp_node *not_small(mp_infer *infer, mp_node *node)
{
    return mp__infer_make(infer, node, MP_OP_LE, node->line, 2,
                          mp__infer_float(infer, -0x1p63), node->args[1]);
}

static mp_node *clip_limit(mp_infer *infer, mp_node *node)
{
    mp_node *limit = node->args[1];
    int line = node->line;
    mp_node *small = mp__infer_make(infer, node, MP_OP_LT, line, 2, limit,
                                    mp__infer_float(infer, 0x1p63));
    mp_node *fits = mp__infer_make(infer, node, MP_OP_AND, line, 2,
                                   not_small(infer, node), small);
    mp_node *safe = mp__infer_make(infer, node, MP_OP_SELECT, line, 3, fits,
                                   limit, mp__infer_float(infer, 0));
    mp_node *above = mp__infer_make(infer, node, MP_OP_LT, line, 2,
                                    mp__infer_float(infer, 0), limit);
    mp_node *last = mp__infer_make(infer, node, MP_OP_SELECT, line, 3, above,
                                   mp__infer_int(infer, INT64_MAX),
                                   mp__infer_int(infer, INT64_MIN));
    return mp__infer_make(infer, node, MP_OP_SELECT, line, 3, fits,
                          rounded_limit(infer, node, safe), last);
}

/* Whether a loop does not run because of its limit. */
static mp_node *stops(mp_infer *infer, mp_node *node)
{
    sign to = direction(infer, node->args[2], true);
    mp_node *up = NULL, *down = NULL;
    if (to != DOWN)
        up = mp__infer_make(infer, node, MP_OP_NOT, node->line, 1,
                            not_small(infer, node));
    if (to != UP)
        down = mp__infer_make(infer, node, MP_OP_LE, node->line, 2,
                              mp__infer_float(infer, 0x1p63), node->args[1]);
    if (to == UNKNOWN)
        return mp__infer_make(infer, node, MP_OP_SELECT, node->line, 3,
                              goes_down(infer, node), down, up);
    return up != NULL ? up : down;
}

/* ---- the three ---------------------------------------------------------- */

/* A limit that is known, where it is known which way it is clipped. */
static bool is_known_limit(const mp_infer *infer, const mp_node *node)
{
    return node->args[1]->op == MP_OP_CONST &&
           direction(infer, node->args[2], true) != UNKNOWN;
}

static bool is_float_limit(const mp_infer *infer, const mp_node *node)
{
    return (mp__infer_fact(infer, node->args[1]).may & MP_MAY_FLOAT) != 0;
}

static mp_node *int_start(mp_infer *infer, mp_node *node)
{
    mp_node *init = node->args[0];
    if (is_float_limit(infer, node)) {
        mp_node *zero = mp__infer_int(infer, 0);
        bool down = direction(infer, node->args[2], true) == DOWN, stop;
        if (!is_known_limit(infer, node)) {
            init = mp__infer_make(infer, node, MP_OP_SELECT, node->line, 3,
                                  stops(infer, node), zero, init);
        } else {
            mp__infer_clip(node->args[1]->as.f, down, &stop);
            init = stop ? zero : init;
        }
    }
    return mp__infer_make(infer, node, MP_OP_SUB, node->line, 2, init,
                          node->args[2]);
}

static mp_node *int_limit(mp_infer *infer, mp_node *node)
{
    if (!is_float_limit(infer, node))
        return node->args[1];
    if (!is_known_limit(infer, node))
        return clip_limit(infer, node);
    bool down = direction(infer, node->args[2], true) == DOWN, stop;
    return mp__infer_int(infer,
                         mp__infer_clip(node->args[1]->as.f, down, &stop));
}

static mp_node *lower_start(mp_infer *infer, mp_node *node)
{
    if (counts_ints(infer, node))
        return int_start(infer, node);
    return mp__infer_make(infer, node, MP_OP_SUB, node->line, 2, node->args[0],
                          node->args[2]);
}

static mp_node *lower_limit(mp_infer *infer, mp_node *node)
{
    if (counts_ints(infer, node))
        return int_limit(infer, node);
    mp_fact limit = mp__infer_fact(infer, node->args[1]);
    if (mp__fact_only(limit, MP_MAY_INT))
        return mp__infer_after(infer, MP_OP_I2F, node->args[1]);
    return node->args[1];
}

static mp_node *lower_test(mp_infer *infer, mp_node *node)
{
    mp_node *index = node->args[0], *limit = node->args[1];
    mp_node *step = node->args[2], *up = NULL, *down = NULL;
    sign to = direction(infer, step, false);
    if (to != DOWN)
        up = mp__infer_make(infer, node, MP_OP_LE, node->line, 2, index, limit);
    if (to != UP)
        down =
            mp__infer_make(infer, node, MP_OP_LE, node->line, 2, limit, index);
    if (to != UNKNOWN)
        return up != NULL ? up : down;
    mp_node *above = mp__infer_make(infer, node, MP_OP_LT, node->line, 2,
                                    mp__infer_int(infer, 0), step);
    return mp__infer_make(infer, node, MP_OP_SELECT, node->line, 3, above, up,
                          down);
}

static mp_node *lower(mp_infer *infer, mp_node *node)
{
    if (node->op == MP_OP_FOR_START)
        return lower_start(infer, node);
    if (node->op == MP_OP_FOR_LIMIT)
        return lower_limit(infer, node);
    return node->op == MP_OP_FOR_TEST ? lower_test(infer, node) : NULL;
}

void mp__infer_for(mp_infer *infer)
{
    mp_func *func = infer->func;
    int count = func->nnodes;
    mp_node **old = NULL, **new = NULL;
    int nold = 0, nnew = 0;
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *n = func->order[k]->first; n != NULL; n = n->next) {
            mp_node *made = n->id < count ? lower(infer, n) : NULL;
            if (made == NULL)
                continue;
            MP_UNIT_PUSH(infer->unit, old, nold, n);
            MP_UNIT_PUSH(infer->unit, new, nnew, made);
        }
    }
    mp_node **by =
        mp__unit_alloc(infer->unit, (size_t)func->nnodes * sizeof(mp_node *));
    for (int k = 0; k < nold; k++)
        by[old[k]->id] = new[k];
    mp__ir_replace_all(func, by);
    mp__ir_sweep(func);
}
