/* What lanes take along when they leave a loop at different times: each such
 * value gets a PHI in the block after the loop, of which mask_loop.c makes a
 * value that is kept for each lane. */
#include "native/mask_lay.h"

typedef struct leaving {
    mp_levels *levels;
    mp_values *values;
    bool found;
} leaving;

/* The innermost divergent loop that has `from` inside and `to` outside. */
static const mp_level *left(const mp_levels *levels, const mp_block *from,
                            const mp_block *to)
{
    for (const mp_block *h = from->header; h != NULL; h = h->outer) {
        if (mp__ir_in_loop(to, h))
            return NULL;
        if (levels->places[h->id].level->divergent)
            return levels->places[h->id].level;
    }
    return NULL;
}

static mp_node *add_phi(mp_func *func, mp_node *value, mp_block *block)
{
    mp_node *phi =
        mp__ir_node(func, MP_OP_PHI, value->line, block->npreds, NULL);
    phi->type = value->type;
    phi->name = value->name;
    phi->shape = MP_SHAPE_VARYING;
    for (int k = 0; k < phi->nargs; k++)
        phi->args[k] = value;
    if (block->first != NULL)
        return mp__ir_insert(block->first, phi);
    return mp__ir_append(block, phi);
}

static mp_var *add_var(leaving *l, mp_node *value, const mp_level *loop)
{
    mp_var *var = mp__values_add(l->values, value);
    var->shape = MP_SHAPE_VARYING;
    mp__values_define(l->values, var, value);
    const mp_part *part = &loop->parent->parts[loop->index];
    for (int k = 0; k < part->nouts; k++) {
        mp_block *to = part->outs[k].to;
        bool again = false;
        for (int i = 0; i < k; i++)
            again |= part->outs[i].to == to;
        if (!again && mp__ir_dominates(value->block, to))
            mp__values_define(l->values, var,
                              add_phi(l->levels->func, value, to));
    }
    return var;
}

static void visit(void *ud, mp_node **place, mp_block *block, mp_node *before)
{
    leaving *l = ud;
    mp_node *value = *place;
    const mp_level *loop = left(l->levels, value->block, block);
    if (loop == NULL)
        return;
    if (value->op == MP_OP_ROW) {
        *place = mp__values_copy_row(l->levels->func, value, block, before);
        (*place)->shape = MP_SHAPE_VARYING;
        for (int k = 0; k < value->nargs; k++)
            visit(ud, &(*place)->args[k], block, *place);
        return;
    }
    mp_var *var = mp__values_find(l->values, value);
    if (var == NULL)
        var = add_var(l, value, loop);
    mp__values_use(l->values, var, place, block, before);
    l->found = true;
}

void mp__mask_take_along(mp_levels *levels)
{
    leaving l = {.levels = levels};
    do {
        l.found = false;
        l.values = mp__values_new(levels->func);
        mp__values_each(levels->func, visit, &l);
        mp__values_rebuild(l.values);
    } while (l.found);
}
