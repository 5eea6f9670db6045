/* Divergence: which values are the same for all items of a vector.
 *
 * Shapes only ever get worse, from "nothing yet" over UNIFORM or LINEAR to
 * VARYING. Where lanes part and meet again is up to the shapes of the
 * conditions, and the shapes of PHIs are up to that; so both are found in
 * turns, until nothing changes. What lanes see that are off does not count.
 *
 * With one lane everything is uniform. */
#include "native/mask_level.h"
#include "native/passes.h"

/* A kernel in which each condition depends on the one before takes as many
 * turns as it has conditions. */
#define MOST_TURNS 64

typedef struct shape {
    bool known;
    mp_shape_kind kind;
    int64_t step;
} shape;

typedef struct divergence {
    mp_func *func;
    mp_levels *levels;
    bool *known;  /* nodes, by id: the shape is one already */
    bool give_up; /* all PHIs vary */
    bool changed;
} divergence;

static const shape nothing = {false, MP_SHAPE_UNIFORM, 0};
static const shape uniform = {true, MP_SHAPE_UNIFORM, 0};
static const shape varying = {true, MP_SHAPE_VARYING, 0};

static shape linear(uint64_t step)
{
    if (step == 0)
        return uniform;
    return (shape){true, MP_SHAPE_LINEAR, (int64_t)step};
}

static shape join(shape a, shape b)
{
    if (!a.known)
        return b;
    if (!b.known || (a.kind == b.kind && a.step == b.step))
        return a;
    return varying;
}

/* The shape of a value as a block sees it: lanes that have left a loop at
 * different times have different values of what changes in it. */
static shape seen(const divergence *d, const mp_node *value,
                  const mp_block *from)
{
    if (!d->known[value->id])
        return nothing;
    if (mp__mask_leaves(d->levels, value->block, from))
        return varying;
    return (shape){true, value->shape, value->step};
}

static shape arg(const divergence *d, const mp_node *node, int k)
{
    return seen(d, node->args[k], node->block);
}

/* ---- rules -------------------------------------------------------------- */

/* An array that moves with the item: its step is known when it runs. */
static const shape moving = {true, MP_SHAPE_LINEAR, 0};

static shape param_shape(const mp_spec *spec, const mp_node *node)
{
    const mp_param *param = &spec->params[node->as.index];
    switch (param->kind) {
    case MP_PARAM_ELEMENT:
        return param->layout == MP_LAYOUT_SAME ? uniform : varying;
    case MP_PARAM_UNIFORM:
    case MP_PARAM_ARRAY:
        return uniform;
    case MP_PARAM_CORE:
        return param->layout == MP_LAYOUT_SAME ? uniform : moving;
    case MP_PARAM_INDEX:
        return param->dim == spec->ndim - 1 ? linear(1) : uniform;
    case MP_PARAM_ACC:
        return varying;
    }
    return varying;
}

/* Whether all arguments are one and the same value. */
static bool same_args(const mp_node *phi)
{
    for (int k = 1; k < phi->nargs; k++) {
        if (phi->args[k] != phi->args[0])
            return false;
    }
    return phi->nargs > 0;
}

static shape phi_shape(const divergence *d, const mp_node *phi)
{
    const mp_block *block = phi->block;
    bool same = same_args(phi);
    if (!same && (d->give_up || d->levels->blends[block->id]))
        return varying;
    shape all = nothing;
    for (int k = 0; k < phi->nargs; k++) {
        if (mp__mask_leaves(d->levels, block->preds[k], block))
            return varying; /* kept for each lane, even if the same */
        if (!same || k == 0)
            all = join(all, seen(d, phi->args[k], block->preds[k]));
    }
    return all;
}

/* Of what is uniform where all arguments are. Which of equal arrays a RANGE is
 * of does not matter. */
static shape args_shape(const divergence *d, const mp_node *node)
{
    for (int k = node->op == MP_OP_RANGE ? 1 : 0; k < node->nargs; k++) {
        shape s = arg(d, node, k);
        if (!s.known || s.kind != MP_SHAPE_UNIFORM)
            return s.known ? varying : nothing;
    }
    return uniform;
}

static uint64_t step_of(shape s)
{
    return (uint64_t)s.step; /* 0 where uniform */
}

/* The factor between an argument and the result of MUL and SHL, where that is
 * known now; `*other` is the argument. */
static bool known_factor(const mp_node *node, int *other, uint64_t *factor)
{
    const mp_node *a = node->args[0], *b = node->args[1];
    if (node->op == MP_OP_SHL) {
        *other = 0;
        *factor = mp__ir_is_const_int(b) ? UINT64_C(1) << (b->as.i & 63) : 0;
        return mp__ir_is_const_int(b) && b->as.i >= 0 && b->as.i < 64;
    }
    *other = mp__ir_is_const_int(a) ? 1 : 0;
    *factor = (uint64_t)(mp__ir_is_const_int(a) ? a : b)->as.i;
    return mp__ir_is_const_int(a) || mp__ir_is_const_int(b);
}

static shape factor_shape(const divergence *d, const mp_node *node)
{
    int other;
    uint64_t factor;
    if (!known_factor(node, &other, &factor))
        return args_shape(d, node);
    shape s = arg(d, node, other);
    if (!s.known || s.kind == MP_SHAPE_VARYING)
        return s;
    return linear(step_of(s) * factor);
}

/* Sums, differences and their like of integers that are so far apart. */
static shape linear_shape(const divergence *d, const mp_node *node)
{
    shape a = arg(d, node, 0);
    shape b = node->nargs > 1 ? arg(d, node, 1) : uniform;
    if (!a.known || !b.known)
        return nothing;
    if (a.kind == MP_SHAPE_VARYING || b.kind == MP_SHAPE_VARYING)
        return varying;
    if (node->op == MP_OP_ADD)
        return linear(step_of(a) + step_of(b));
    if (node->op == MP_OP_SUB)
        return linear(step_of(a) - step_of(b));
    return linear(0 - step_of(a)); /* UNM, BNOT */
}

static shape select_shape(const divergence *d, const mp_node *node)
{
    shape cond = arg(d, node, 0);
    if (!cond.known || cond.kind != MP_SHAPE_UNIFORM)
        return cond;
    return join(arg(d, node, 1), arg(d, node, 2));
}

/* Rows at the same index move as their arrays do. */
static shape row_shape(const divergence *d, const mp_node *node)
{
    shape array = arg(d, node, 0), index = arg(d, node, 1);
    if (array.known && index.known && array.kind == MP_SHAPE_LINEAR)
        return index.kind == MP_SHAPE_UNIFORM ? array : varying;
    return args_shape(d, node);
}

/* All items' arrays are of one shape. */
static shape extent_shape(const divergence *d, const mp_node *node)
{
    if (node->op == MP_OP_LEN)
        return uniform;
    shape dimension = arg(d, node, 1);
    return dimension.kind == MP_SHAPE_UNIFORM ? dimension : varying;
}

/* All other operations give the same for the same arguments. */
static shape shape_of(const divergence *d, const mp_node *node)
{
    bool integer = node->type == MP_TYPE_INT;
    if (node->op == MP_OP_PARAM)
        return param_shape(d->func->spec, node);
    if (node->op == MP_OP_ENTRY_MASK)
        return varying;
    if (node->op == MP_OP_ANY)
        return uniform;
    if (node->op == MP_OP_TLOAD)
        return varying;
    if (node->op == MP_OP_TINDEX)
        return arg(d, node, 0);
    if (node->op == MP_OP_TGROW)
        return arg(d, node, 1);
    if (node->op == MP_OP_PHI)
        return phi_shape(d, node);
    if (node->op == MP_OP_SELECT)
        return select_shape(d, node);
    if (node->op == MP_OP_ROW)
        return row_shape(d, node);
    if (node->op == MP_OP_LEN || node->op == MP_OP_SIZE)
        return extent_shape(d, node);
    if (integer && (node->op == MP_OP_MUL || node->op == MP_OP_SHL))
        return factor_shape(d, node);
    if (integer && (node->op == MP_OP_ADD || node->op == MP_OP_SUB ||
                    node->op == MP_OP_UNM || node->op == MP_OP_BNOT))
        return linear_shape(d, node);
    return args_shape(d, node);
}

/* ---- turns -------------------------------------------------------------- */

static void visit(divergence *d, mp_node *node)
{
    shape now = shape_of(d, node);
    if (!now.known)
        return;
    if (d->known[node->id]) {
        now = join(now, (shape){true, node->shape, node->step});
        if (now.kind == node->shape && now.step == node->step)
            return;
    }
    d->known[node->id] = true;
    node->shape = now.kind;
    node->step = now.step;
    d->changed = true;
}

/* Goes over the function until no shape changes; says whether one did. */
static bool turn(divergence *d)
{
    bool any = false;
    do {
        d->changed = false;
        for (int k = 0; k < d->func->norder; k++) {
            for (mp_node *node = d->func->order[k]->first; node != NULL;
                 node = node->next)
                visit(d, node);
        }
        any |= d->changed;
    } while (d->changed);
    return any;
}

static void forget(mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *node = func->order[k]->first; node != NULL;
             node = node->next) {
            node->shape = MP_SHAPE_UNIFORM;
            node->step = 0;
        }
    }
}

void mp__diverge_run(mp_func *func)
{
    mp__mask_simplify(func);
    forget(func);
    if (func->spec->lanes == 1)
        return;
    divergence d = {
        .func = func,
        .levels = mp__mask_levels(func),
        .known = mp__unit_alloc(func->unit, (size_t)func->nnodes),
    };
    for (int turns = 0; turn(&d); turns++) {
        d.give_up = turns >= MOST_TURNS;
        mp__mask_plan(d.levels);
    }
}
